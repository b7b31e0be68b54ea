import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { BushelError } from '../../../../../contracts/errors/error.js'
import { replaceDurably, replaceDurablySync, syncFolderSync } from '../../../../base/disk/atomic-file.js'
import type { Balance } from '../../../wallet.js'
import { CommitLog, DamagedLogError } from './log.js'
import { PLAY_NETWORK } from '../network.js'
import { GRANT_KEY, encodeGrant } from './records.js'

const SEED_BYTES = 32

function paths(dir: string): { seed: string; state: string; balance: string; lock: string } {
  const at = (name: string): string => path.join(dir, name)
  return { seed: at('seed'), state: at('state'), balance: at('balance.json'), lock: at('lock') }
}

/**
 * Creates folder, seed, and a state with the whole grant, as far as they are missing. The state comes last, so that an
 * interrupted creation is completed with the existing seed.
 */
export function createWalletDir(dir: string, grantMsat: bigint): void {
  const { seed, state } = paths(dir)
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 })
  if (fs.existsSync(state)) return
  if (!fs.existsSync(seed)) replaceDurablySync(seed, randomBytes(SEED_BYTES))
  const balance = { network: PLAY_NETWORK, spendableMsat: grantMsat, receivableMsat: 0n }
  replaceDurablySync(paths(dir).balance, balanceText(balance))
  const first = `${state}.first`
  const log = new CommitLog(first)
  log.commit(new Map([[GRANT_KEY, encodeGrant(grantMsat)]]))
  log.close()
  fs.renameSync(first, state)
  syncFolderSync(dir)
}

export function openState(dir: string): { seed: Buffer; log: CommitLog } {
  const { seed, state } = paths(dir)
  if (!fs.existsSync(seed)) throw corrupt(seed)
  const bytes = fs.readFileSync(seed)
  if (bytes.length !== SEED_BYTES) throw corrupt(seed)
  try {
    return { seed: bytes, log: new CommitLog(state) }
  } catch (error) {
    if (error instanceof DamagedLogError) throw corrupt(state)
    throw error
  }
}

export function lockFile(dir: string): string {
  return paths(dir).lock
}

/** Writes the balance for readers outside the process; the wallet itself never reads it. */
export function writeBalance(dir: string, balance: Balance): Promise<void> {
  return replaceDurably(paths(dir).balance, balanceText(balance))
}

function balanceText({ network, spendableMsat, receivableMsat }: Balance): Buffer {
  return Buffer.from(
    JSON.stringify({ network, spendableMsat: String(spendableMsat), receivableMsat: String(receivableMsat) })
  )
}

export async function readBalance(dir: string): Promise<Balance | null> {
  const file = paths(dir).balance
  let text: string
  try {
    text = await fs.promises.readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  try {
    const { network, spendableMsat, receivableMsat } = JSON.parse(text) as Record<string, unknown>
    if (network !== PLAY_NETWORK) throw corrupt(file)
    return { network, spendableMsat: amount(spendableMsat), receivableMsat: amount(receivableMsat) }
  } catch {
    throw corrupt(file)
  }
}

function amount(value: unknown): bigint {
  if (typeof value !== 'string' || !/^\d{1,20}$/.test(value)) throw new TypeError('not an amount')
  return BigInt(value)
}

function corrupt(file: string): BushelError {
  return new BushelError(
    'WALLET_CORRUPT',
    `the wallet cannot be read: ${file} is damaged or missing; nothing was changed`,
    'restore the whole wallet folder from a copy, or move it away to start with a new wallet'
  )
}
