import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { BushelError } from '../../contracts/errors/error.js'
import type { CallContext, Method, NodeCaller, Params, Progress, Result } from '../node/api/api.js'
import { MAX_RESPONSE_LENGTH, cancelLine, parseResponse, requestLine } from './json-rpc.js'
import type { RpcId } from './json-rpc.js'
import { readLines } from './lines.js'

/** How long a call that was aborted may take to end in order. */
const CANCEL_TIMEOUT_MS = 10_000

interface PendingCall {
  onProgress: (progress: Progress) => void
  resolve: (result: unknown) => void
  reject: (error: BushelError) => void
}

/** A node in another process, behind its control socket. */
export class RemoteNode implements NodeCaller {
  readonly #socket: Socket
  readonly #calls = new Map<RpcId, PendingCall>()
  #last = 0
  #gone: BushelError | null = null

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', () => socket.destroy()) // `close` follows, and tells the calls
    socket.once('close', () => this.#fail(nodeGone()))
    readLines(socket, MAX_RESPONSE_LENGTH, {
      online: line => this.#online(line),
      onoverflow: () => socket.destroy()
    })
  }

  /** Null when nobody listens there. */
  static async connect(path: string): Promise<RemoteNode | null> {
    const socket = connect(path)
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve)
        socket.once('error', reject)
      })
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ECONNREFUSED') return null
      throw new BushelError(
        'NODE_UNREACHABLE',
        `the running node cannot be reached at ${path}: ${message}`,
        'run this command as the user who runs `bushel up`'
      ).withCause(error)
    }
    socket.removeAllListeners('error')
    return new RemoteNode(socket)
  }

  async call<M extends Method>(
    method: M,
    params: Params<M>,
    { onProgress, signal }: CallContext
  ): Promise<Result<M>> {
    signal.throwIfAborted()
    if (this.#gone) throw this.#gone
    const id = ++this.#last
    const answer = new Promise<unknown>((resolve, reject) =>
      this.#calls.set(id, { onProgress, resolve, reject })
    )
    this.#send(requestLine(id, method, params))
    let timer: NodeJS.Timeout | undefined
    const cancel = (): void => {
      this.#send(cancelLine(id))
      timer = setTimeout(() => this.#socket.destroy(), CANCEL_TIMEOUT_MS)
    }
    signal.addEventListener('abort', cancel, { once: true })
    try {
      return (await answer) as Result<M>
    } finally {
      signal.removeEventListener('abort', cancel)
      clearTimeout(timer)
      this.#calls.delete(id)
    }
  }

  /** Ends the connection; calls under way are aborted. */
  close(): Promise<void> {
    this.#fail(nodeGone())
    this.#socket.destroy()
    return Promise.resolve()
  }

  #send(line: string): void {
    if (this.#socket.writable) this.#socket.write(line)
  }

  #online(line: string): void {
    try {
      const response = parseResponse(line)
      if ('error' in response) {
        if (response.id === null) this.#fail(response.error)
        else this.#calls.get(response.id)?.reject(response.error)
      } else if ('progress' in response) {
        this.#calls.get(response.id)?.onProgress(response.progress)
      } else {
        this.#calls.get(response.id)?.resolve(response.result)
      }
    } catch (error) {
      this.#fail(error instanceof BushelError ? error : nodeGone().withCause(error))
      this.#socket.destroy()
    }
  }

  #fail(error: BushelError): void {
    this.#gone ??= error
    for (const { reject } of this.#calls.values()) reject(error)
  }
}

function nodeGone(): BushelError {
  return new BushelError(
    'NODE_GONE',
    'the running node stopped before it answered; what it had recorded is kept',
    'check that `bushel up` still runs, then try again'
  )
}
