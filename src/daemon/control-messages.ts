import { EXIT } from '../../contracts/errors/error-table.js'
import { BushelError } from '../../contracts/errors/error.js'
import type { Exit } from '../../contracts/errors/error-table.js'
import type { BushelErrorShape } from '../../contracts/errors/error.js'
import type { Method, Progress } from '../node/api/api.js'

/**
 * One line of JSON each way over the control socket. The caller numbers its calls; for each the node sends any number
 * of progress lines and then one result or one error. A call is aborted by `cancel`, and when its connection ends.
 */
export type ControlRequest = { id: number; method: Method; params: object } | { id: number; cancel: true }

export type ControlResponse =
  | { id: number; progress: Progress }
  | { id: number; result: unknown }
  /** Id null: the line was none, or its id could not be read. */
  | { id: number | null; error: BushelErrorShape }

export const MAX_REQUEST_LENGTH = 1 << 20
/** A long list of leases with their receipts is one line. */
export const MAX_RESPONSE_LENGTH = 256 << 20

const METHODS: Record<Method, true> = {
  'market.create': true,
  'market.join': true,
  'market.use': true,
  'market.list': true,
  'market.admit': true,
  'sell.storage': true,
  'bid.storage': true,
  withdraw: true,
  book: true,
  'sell.compute': true,
  'sell.pause': true,
  'bid.compute': true,
  run: true,
  'run.map': true,
  'run.estimate': true,
  jobs: true,
  'job.cancel': true,
  mirror: true,
  restore: true,
  leases: true,
  'leases.end': true,
  wallet: true,
  'wallet.history': true,
  'wallet.invoice': true,
  'wallet.pay': true,
  'wallet.limits': true,
  'log.check': true,
  status: true
}

/** Throws BAD_REQUEST on anything that is not a request. */
export function parseRequest(line: string): ControlRequest {
  const { id, method, params, cancel } = objectOf(line)
  if (!isId(id)) throw badRequest('a request without an id', null)
  if (cancel === true) return { id, cancel }
  if (typeof method !== 'string' || !Object.hasOwn(METHODS, method)) {
    throw badRequest(`the unknown method '${String(method).slice(0, 40)}'`, id)
  }
  if (typeof params !== 'object' || params === null || Array.isArray(params)) {
    throw badRequest('parameters that are not an object', id)
  }
  return { id, method: method as Method, params }
}

/** Throws BAD_REQUEST on anything that is not a response. */
export function parseResponse(line: string): ControlResponse {
  const message = objectOf(line)
  const { id } = message
  if ('error' in message && (id === null || isId(id))) return { id, error: errorShape(message.error) }
  if (!isId(id)) throw badRequest('an answer without an id', null)
  if ('progress' in message) return { id, progress: message.progress as Progress }
  if ('result' in message) return { id, result: message.result }
  throw badRequest('an answer with neither progress, result nor error', id)
}

export function shapeOf(error: unknown): BushelErrorShape {
  if (error instanceof BushelError) return error.toJSON()
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'FAILED', exit: EXIT.failed, message, hint: '' }
}

function errorShape(value: unknown): BushelErrorShape {
  const { code, exit, message, hint } = (value ?? {}) as Record<string, unknown>
  const known = Object.values(EXIT) as unknown[]
  return {
    code: typeof code === 'string' ? code : 'FAILED',
    exit: known.includes(exit) ? (exit as Exit) : EXIT.failed,
    message: typeof message === 'string' ? message : 'the node gave no reason',
    hint: typeof hint === 'string' ? hint : ''
  }
}

function objectOf(line: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    throw badRequest('a line that is not JSON', null).withCause(error)
  }
  if (typeof value !== 'object' || value === null) throw badRequest('a line that is not an object', null)
  return value as Record<string, unknown>
}

function isId(id: unknown): id is number {
  return typeof id === 'number' && Number.isSafeInteger(id) && id >= 0
}

/** Carries the id that could be read, so that the answer finds its call. */
export class BadRequest extends BushelError {
  readonly id: number | null

  constructor(what: string, id: number | null) {
    super(
      'BAD_REQUEST',
      `the control socket was sent ${what}`,
      'the running node and this command may be of different versions: restart `bushel up`'
    )
    this.id = id
  }
}

function badRequest(what: string, id: number | null): BadRequest {
  return new BadRequest(what, id)
}
