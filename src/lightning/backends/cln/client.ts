import { createConnection } from 'node:net'
import type { Socket } from 'node:net'
import { basename, dirname } from 'node:path'
import LightningClient from 'lightning-client'
import { BushelError } from '../../../../contracts/errors/error.js'
import { Frames, MAX_ANSWER, readJSON } from './frames.js'

/** An error answer of lightningd; `rpc` is its JSON-RPC code. */
export class ClnError extends BushelError {
  readonly rpc: number

  constructor(method: string, { code, message }: { code: number; message: string }) {
    super('WALLET_FAILED', `Core Lightning refused ${method}: ${message}`)
    this.name = 'ClnError'
    this.rpc = code
  }
}

/** JSON-RPC: no such method, also one that is deprecated and turned off. */
const NO_COMMAND = -32601

/** True when lightningd does not have the method, or no longer. */
export function isNoCommand(error: unknown): boolean {
  return error instanceof ClnError && error.rpc === NO_COMMAND
}

export interface ClientOptions {
  /** Path of lightningd's socket, `lightning-rpc`. */
  socket: string
  /** Default time limit for an answer, ms. */
  timeoutMs?: number
  /** Most bytes of one answer. */
  maxAnswer?: number
}

export type RpcParams = readonly unknown[] | Readonly<Record<string, unknown>>

interface PendingRequest {
  method: string
  resolve(result: unknown): void
  reject(error: Error): void
  timer: NodeJS.Timeout
}

const TIMEOUT = 30_000
/** Longest error message that is kept, in characters. */
const MAX_MESSAGE = 300

/**
 * Works around the faults of the package's client: uses JSON-RPC 2.0 with named parameters, finds the end of each answer,
 * settles every call (with an answer, an error of lightningd, or a time-out), connects on demand, discards a partial
 * answer with its connection, can be closed, and prints nothing. A call rejects with WALLET_UNREACHABLE when lightningd
 * cannot be reached, WALLET_GONE when the connection breaks, WALLET_TIMEOUT when no answer comes in time. After the last
 * two, only lightningd's records tell whether the call was carried out.
 */
export class ClnClient extends LightningClient {
  readonly socket: string
  /** Number of connections so far. Another lightningd may answer on a new one. */
  connections = 0
  readonly #timeoutMs: number
  readonly #maxAnswer: number
  readonly #pending = new Map<string, PendingRequest>()
  #connection: Socket | null = null
  #connecting: Promise<Socket> | null = null
  #asked = 0
  #closed = false

  constructor({ socket, timeoutMs = TIMEOUT, maxAnswer = MAX_ANSWER }: ClientOptions) {
    super(dirname(socket))
    // The package's constructor connects to a socket with a fixed name; that connection is not used.
    this.client.removeAllListeners()
    this.client.on('error', () => undefined)
    this.client.destroy()
    this.socket = socket
    this.#timeoutMs = timeoutMs
    this.#maxAnswer = maxAnswer
  }

  /** Disabled: the package reconnects by a timer, but here each call connects on demand. */
  override reconnect(): void {}

  override increaseWaitTime(): void {}

  /** Splits `bytes` into JSON objects; ignores braces inside strings. */
  static override splitJSON(bytes: Buffer): { partial: boolean; string: Buffer; openCount: number }[] {
    const frames = new Frames()
    const whole = frames
      .push(bytes)
      .map(text => ({ partial: false, string: Buffer.from(text), openCount: 0 }))
    if (frames.pending === 0) return whole
    return [...whole, { partial: true, string: bytes.subarray(-frames.pending), openCount: 1 }]
  }

  /** Calls a method of lightningd. Rejects with a ClnError, or with a BushelError when there is no answer. */
  override async call(method: string, params: RpcParams = [], timeoutMs = this.#timeoutMs): Promise<unknown> {
    const connection = await this.#connect()
    // The connection may have broken or been closed during the await.
    if (connection !== this.#connection) throw this.#closed ? closedError() : this.#gone()
    const id = `bushel-${++this.#asked}`
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id)
        reject(this.#noAnswer(method, timeoutMs))
      }, timeoutMs)
      this.#pending.set(id, { method, resolve, reject, timer })
      connection.write(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
    })
  }

  get connected(): boolean {
    return this.#connection !== null
  }

  /** Rejects pending and later calls. */
  close(): void {
    this.#closed = true
    this.#drop(this.#connection, closedError())
  }

  #connect(): Promise<Socket> {
    if (this.#closed) return Promise.reject(closedError())
    if (this.#connection) return Promise.resolve(this.#connection)
    this.#connecting ??= this.#dial().finally(() => (this.#connecting = null))
    return this.#connecting
  }

  #dial(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const connection = createConnection(this.socket)
      const timer = setTimeout(
        () => connection.destroy(this.#noAnswer('connect', this.#timeoutMs)),
        this.#timeoutMs
      )
      const frames = new Frames(this.#maxAnswer)
      connection.once('connect', () => {
        clearTimeout(timer)
        if (this.#closed) {
          connection.destroy()
          return reject(closedError())
        }
        this.#connection = this.client = connection
        this.connections++
        resolve(connection)
      })
      connection.on('data', piece => {
        try {
          for (const text of frames.push(piece)) this.#answer(text)
        } catch (error) {
          this.#drop(connection, this.#notLightningd(error))
        }
      })
      connection.once('error', error => {
        clearTimeout(timer)
        reject(this.#unreachable(error))
        this.#drop(connection, this.#gone(error))
      })
      connection.once('close', () => this.#drop(connection, this.#gone()))
    })
  }

  #answer(text: string): void {
    const answer = readJSON(text)
    if (!isAnswer(answer)) throw new Error('it sent an object that is not an answer')
    if (typeof answer.id !== 'string') {
      // An answer without an id: lightningd could not parse the request and reads no more from this connection.
      throw new Error(textOf(answer.error?.message, 'it could not parse the request'))
    }
    const pending = this.#pending.get(answer.id)
    if (!pending) return // the call has timed out
    this.#pending.delete(answer.id)
    clearTimeout(pending.timer)
    if (answer.error === undefined || answer.error === null) return pending.resolve(answer.result)
    const { code, message } = answer.error
    const rpc = typeof code === 'number' ? code : NaN
    pending.reject(new ClnError(pending.method, { code: rpc, message: textOf(message, 'it gave no reason') }))
  }

  /** Ends a connection and rejects the calls that were sent over it. */
  #drop(connection: Socket | null, error: BushelError): void {
    connection?.destroy()
    if (this.#connection !== connection) return
    this.#connection = null
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const { reject, timer } of pending) {
      clearTimeout(timer)
      reject(error)
    }
  }

  #unreachable(error: Error): BushelError {
    if (error instanceof BushelError) return error
    const { code = '' } = error as NodeJS.ErrnoException
    const why = REASONS[code] ?? error.message
    return new BushelError(
      'WALLET_UNREACHABLE',
      `Core Lightning cannot be reached: ${why} (${this.socket})`,
      HINTS[code] ??
        `check that this is the path of lightningd's socket, ${basename(this.socket) || 'lightning-rpc'}`
    ).withCause(error)
  }

  #gone(error?: Error): BushelError {
    return new BushelError(
      'WALLET_GONE',
      'the connection to Core Lightning closed before it answered',
      'the request is repeated when it is back; nothing is paid twice'
    ).withCause(error)
  }

  #noAnswer(method: string, timeoutMs: number): BushelError {
    return new BushelError(
      'WALLET_TIMEOUT',
      `Core Lightning did not answer ${method} in ${timeoutMs / 1000} s`,
      'it may be locked, starting or busy; check with `lightning-cli getinfo`'
    )
  }

  #notLightningd(error: unknown): BushelError {
    const why = error instanceof Error ? error.message : String(error)
    return new BushelError(
      'WALLET_UNREACHABLE',
      `${this.socket} does not speak like Core Lightning: ${why}`,
      "give the path of lightningd's own socket, lightning-rpc"
    )
  }
}

const REASONS: Record<string, string> = {
  ENOENT: 'there is no such socket',
  EACCES: 'this user may not open its socket',
  EPERM: 'this user may not open its socket',
  ECONNREFUSED: 'nobody listens on its socket',
  ENOTSOCK: 'the file is not a socket',
  ENOTDIR: 'there is no such folder'
}

const HINTS: Record<string, string> = {
  EACCES: 'run Bushel as the same user, or give the group access: lightningd --rpc-file-mode=0660',
  ECONNREFUSED: 'start lightningd'
}

interface RawAnswer {
  id?: unknown
  result?: unknown
  error?: { code?: unknown; message?: unknown; data?: unknown } | null
}

function isAnswer(value: unknown): value is RawAnswer {
  return (
    typeof value === 'object' && value !== null && ('result' in value || 'error' in value || 'id' in value)
  )
}

function textOf(message: unknown, otherwise: string): string {
  return typeof message === 'string' ? message.slice(0, MAX_MESSAGE) : otherwise
}

function closedError(): BushelError {
  return new BushelError('WALLET_CLOSED', 'the wallet is closed')
}
