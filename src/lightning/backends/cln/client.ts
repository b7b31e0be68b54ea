import { createConnection } from 'node:net'
import type { Socket } from 'node:net'
import { basename, dirname } from 'node:path'
import LightningClient from 'lightning-client'
import { BushelError } from '../../../../contracts/errors/error.js'
import { Frames, MAX_ANSWER, readJSON } from './frames.js'

/** An error that lightningd answered with; `rpc` is its number. */
export class ClnError extends BushelError {
  readonly rpc: number

  constructor(method: string, { code, message }: { code: number; message: string }) {
    super('WALLET_FAILED', `Core Lightning refused ${method}: ${message}`)
    this.name = 'ClnError'
    this.rpc = code
  }
}

export interface ClientOptions {
  /** Path of lightningd's socket, `lightning-rpc`. */
  socket: string
  /** Longest time for an answer, ms, where a call names no other. */
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
/** Longest message of an error that is passed on. */
const MAX_MESSAGE = 300

/**
 * The package's client with its faults mended, all of them here: it speaks JSON-RPC 2.0, takes named parameters, cuts
 * answers where they end, settles every call (with an answer, an error of lightningd's, or within a time limit),
 * connects when something is asked, drops half an answer together with its connection, can be closed, and prints
 * nothing. A call that finds no lightningd rejects with WALLET_UNREACHABLE; the next one tries again. One whose
 * connection broke rejects with WALLET_GONE, and one without an answer in time with WALLET_TIMEOUT: whether either was
 * carried out only lightningd's records can tell.
 */
export class ClnClient extends LightningClient {
  readonly socket: string
  /** Counts the connections: what was learned over one may not hold on the next. */
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
    // The package has connected already, to a socket of a fixed name; that connection is not used.
    this.client.removeAllListeners()
    this.client.on('error', () => undefined)
    this.client.destroy()
    this.socket = socket
    this.#timeoutMs = timeoutMs
    this.#maxAnswer = maxAnswer
  }

  /** The package would dial by its own timer; here each call does. */
  override reconnect(): void {}

  override increaseWaitTime(): void {}

  /** Where objects end in `bytes`; strings may hold any brace. */
  static override splitJSON(bytes: Buffer): { partial: boolean; string: Buffer; openCount: number }[] {
    const frames = new Frames()
    const whole = frames
      .push(bytes)
      .map(text => ({ partial: false, string: Buffer.from(text), openCount: 0 }))
    if (frames.pending === 0) return whole
    return [...whole, { partial: true, string: bytes.subarray(-frames.pending), openCount: 1 }]
  }

  /** Asks lightningd; rejects with a ClnError, or a BushelError when there was no answer. */
  override async call(method: string, params: RpcParams = [], timeoutMs = this.#timeoutMs): Promise<unknown> {
    const connection = await this.#connect()
    // It may have broken, or been closed, in the turn between.
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

  /** Nothing is asked any more; what is under way is rejected. */
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
    if (!isAnswer(answer)) throw new Error('what it says is no answer')
    if (typeof answer.id !== 'string') {
      // It names no call: lightningd could not read what was sent, and reads no more from this connection.
      throw new Error(textOf(answer.error?.message, 'it could not read what was asked'))
    }
    const pending = this.#pending.get(answer.id)
    if (!pending) return // it came after its time
    this.#pending.delete(answer.id)
    clearTimeout(pending.timer)
    if (answer.error === undefined || answer.error === null) return pending.resolve(answer.result)
    const { code, message } = answer.error
    const rpc = typeof code === 'number' ? code : NaN
    pending.reject(new ClnError(pending.method, { code: rpc, message: textOf(message, 'it gave no reason') }))
  }

  /** A connection that is over takes what was asked over it along. */
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
      HINTS[code] ?? `is that the path of its socket, ${basename(this.socket) || 'lightning-rpc'}?`
    ).withCause(error)
  }

  #gone(error?: Error): BushelError {
    return new BushelError(
      'WALLET_GONE',
      'Core Lightning went away before it answered',
      'it is asked again when it is back; nothing is paid twice'
    ).withCause(error)
  }

  #noAnswer(method: string, timeoutMs: number): BushelError {
    return new BushelError(
      'WALLET_TIMEOUT',
      `Core Lightning did not answer ${method} in ${timeoutMs / 1000} s`,
      'it may be locked, starting or busy: see `lightning-cli getinfo`'
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
  ENOTSOCK: 'that is no socket',
  ENOTDIR: 'there is no such folder'
}

const HINTS: Record<string, string> = {
  EACCES: 'run as the same user, or let its group in: lightningd --rpc-file-mode=0660',
  ECONNREFUSED: 'start lightningd, or look whether it has stopped'
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
