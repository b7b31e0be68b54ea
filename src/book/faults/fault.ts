import { BushelError } from '../../../contracts/errors/error.js'
import { shortKey } from '../../../contracts/keys/key.js'
import { LibraryFault, endsProcess } from '../../base/handled.js'
import { MalformedBlock } from '../log/writer-blocks.js'

/** A market that was closed over what was written to it, or over trouble of this machine. */
export interface BrokenMarket {
  key: Buffer
  /** The founder's name for it; '' when it was never read. */
  name: string
  /** For people: why it was closed. */
  reason: string
}

/** Errors of Hypercore that say nothing of the data of a market. */
const NOT_OF_DATA = new Set([
  'WRITE_FAILED',
  'OPLOG_CORRUPT',
  'STORAGE_EMPTY',
  'STORAGE_CONFLICT',
  'SESSION_CLOSED',
  'REQUEST_TIMEOUT',
  'REQUEST_CANCELLED',
  'BLOCK_NOT_AVAILABLE'
])

/** True for an error that reading malformed data of a market gives, and that it would give again. */
export function isDataFault(error: unknown): boolean {
  if (error instanceof BushelError) return error.code === 'FORGED'
  if (error instanceof LibraryFault || error instanceof MalformedBlock || endsProcess(error)) return true
  return error instanceof Error && (error as { code?: string }).code === 'DECODING_ERROR'
}

/** True for trouble of this machine, such as a full disk: another try may do, and the market is not to blame. */
export function isOwnTrouble(error: unknown): boolean {
  if (isDataFault(error)) return false
  if (error instanceof BushelError) return true
  const { code = '', message } = error as NodeJS.ErrnoException
  return NOT_OF_DATA.has(code) || /^E[A-Z0-9]+$/.test(code) || /IO error|clos(ed|ing)/i.test(message)
}

/** Why a market is closed, in one printable line. */
export function reasonOf(error: unknown): string {
  if (error instanceof MalformedBlock) return `block ${error.index} of its founder is malformed: ${error.why}`
  const { message } = error instanceof LibraryFault ? (error.cause as Error) : (error as Error)
  const line = message.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 200)
  return isOwnTrouble(error)
    ? `its files could not be used: ${line}`
    : `what was written to it cannot be read: ${line}`
}

const nameOf = ({ key, name }: BrokenMarket): string => name || `${shortKey(key)}...`
const NEXT = 'try it again with: bushel market join KEY, or remove it with: bushel market leave KEY'

/** What the user is told of a broken market, and what to do. */
export function brokenNote(broken: BrokenMarket): string {
  return `market ${nameOf(broken)} is closed: ${broken.reason}; all else goes on; ${NEXT}`
}

/** The error of a call that needs a broken market. */
export function marketBroken(broken: BrokenMarket): BushelError {
  return new BushelError('MARKET_BROKEN', `market ${nameOf(broken)} is closed: ${broken.reason}`, NEXT)
}
