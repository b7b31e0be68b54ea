import { EXIT } from '../../contracts/errors/error-table.js'
import type { Exit } from '../../contracts/errors/error-table.js'
import { BushelError, failed } from '../../contracts/errors/error.js'
import type { Progress } from '../node/api/api.js'

/**
 * JSON-RPC 2.0 over the control socket, one message a line. The caller chooses the id of each request; before its result
 * or error the node sends any number of notifications `progress`, with the id of the request among their parameters. The
 * notification or request `cancel` aborts the request whose id it names; so does the end of the connection. Parameters
 * are given by name. Batches are refused.
 */

export type RpcId = number | string

export type RpcRequest =
  | { id: RpcId; method: string; params: unknown }
  /** `id` is that of the request to cancel; `answer` that of its own, if it is to be answered. */
  | { cancel: RpcId; answer: RpcId | null }

export type RpcResponse =
  | { id: RpcId; progress: Progress }
  | { id: RpcId; result: unknown }
  /** Id null: the line was no request, or its id could not be read. */
  | { id: RpcId | null; error: BushelError }

/** The codes of the standard, and `failed` for every error of the node, which is told in `data`. */
const RPC_CODES = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  failed: -32000
} as const

export const MAX_REQUEST_LENGTH = 1 << 20
/** A long list of leases with their receipts is one line. */
export const MAX_RESPONSE_LENGTH = 256 << 20
const MAX_ID = 64

/** A line that is no request. Carries the id that could be read, so that the answer finds its request. */
export class BadRequest extends BushelError {
  readonly rpcCode: number
  readonly id: RpcId | null

  constructor(what: string, { id = null, rpcCode = RPC_CODES.invalidRequest }: BadRequestOptions = {}) {
    super(
      'BAD_REQUEST',
      `the control socket was sent ${what}`,
      'see docs/api.md; when this is a command of Bushel, restart `bushel up`, which may be of another version'
    )
    this.rpcCode = rpcCode
    this.id = id
  }
}

interface BadRequestOptions {
  id?: RpcId | null
  rpcCode?: number
}

/** Throws BadRequest on anything that is not a request. */
export function parseRequest(line: string): RpcRequest {
  const message = messageOf(line)
  const { id, method, params = {} } = message
  const known = isId(id) ? id : null
  if (message.jsonrpc !== '2.0') throw new BadRequest('a message that is not of JSON-RPC 2.0', { id: known })
  if (typeof method !== 'string') throw new BadRequest('a request without a method', { id: known })
  if (method === 'cancel') {
    const cancel = (params as { id?: unknown } | null)?.id
    if (isId(cancel) && (id === undefined || known !== null)) return { cancel, answer: known }
    throw new BadRequest('a cancel that names no request', { id: known, rpcCode: RPC_CODES.invalidParams })
  }
  if (known === null)
    throw new BadRequest(`a request whose id is neither a whole number nor text of 1 to ${MAX_ID} characters`)
  if (Array.isArray(params))
    throw new BadRequest('parameters without names', { id: known, rpcCode: RPC_CODES.invalidParams })
  return { id: known, method, params }
}

/** Throws BadRequest on anything that is not a response. */
export function parseResponse(line: string): RpcResponse {
  const message = messageOf(line)
  const { id, method, params } = message
  if (method === 'progress') {
    const { id: of, ...progress } = (params ?? {}) as Record<string, unknown>
    if (isId(of)) return { id: of, progress: progress as Progress }
    throw new BadRequest('progress of no request')
  }
  if ('error' in message && (id === null || isId(id))) return { id, error: errorFrom(message.error) }
  if (isId(id) && 'result' in message) return { id, result: message.result }
  throw new BadRequest('an answer with neither progress, result nor error')
}

export function requestLine(id: RpcId, method: string, params: unknown): string {
  return lineOf({ id, method, params })
}

export function cancelLine(id: RpcId): string {
  return lineOf({ method: 'cancel', params: { id } })
}

export function progressLine(id: RpcId, progress: Progress): string {
  return lineOf({ method: 'progress', params: { ...progress, id } })
}

export function resultLine(id: RpcId, result: unknown): string {
  return lineOf({ id, result: result ?? null })
}

/** `data` has what a script acts on: the code, the exit code of a command, the kind, and what to do. */
export function errorLine(id: RpcId | null, error: unknown): string {
  const told = error instanceof BushelError ? error : failed(error)
  const { code, exit, kind, hint, message } = told
  return lineOf({ id, error: { code: rpcCodeOf(told), message, data: { code, exit, kind, hint } } })
}

function rpcCodeOf(error: BushelError): number {
  if (error instanceof BadRequest) return error.rpcCode
  if (error.code === 'UNKNOWN_METHOD') return RPC_CODES.methodNotFound
  return error.code === 'BAD_INPUT' ? RPC_CODES.invalidParams : RPC_CODES.failed
}

function lineOf(message: object): string {
  return JSON.stringify({ jsonrpc: '2.0', ...message }) + '\n'
}

function errorFrom(value: unknown): BushelError {
  const { message, data } = (value ?? {}) as Record<string, unknown>
  const { code, exit, hint } = (data ?? {}) as Record<string, unknown>
  const known = Object.values(EXIT) as unknown[]
  return BushelError.from({
    code: typeof code === 'string' ? code : 'FAILED',
    exit: known.includes(exit) ? (exit as Exit) : EXIT.failed,
    message: typeof message === 'string' ? message : 'the node gave no reason',
    hint: typeof hint === 'string' ? hint : ''
  })
}

function messageOf(line: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    throw new BadRequest('a line that is not JSON', { rpcCode: RPC_CODES.parse }).withCause(error)
  }
  if (Array.isArray(value)) throw new BadRequest('a batch; send one request a line')
  if (typeof value !== 'object' || value === null) throw new BadRequest('a line that is not an object')
  return value as Record<string, unknown>
}

function isId(id: unknown): id is RpcId {
  if (typeof id === 'string') return id.length >= 1 && id.length <= MAX_ID
  return typeof id === 'number' && Number.isSafeInteger(id) && id >= 0
}
