import { once } from 'node:events'
import { chmod, lstat, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import ReadyResource from 'ready-resource'
import { BushelError } from '../../contracts/errors/error.js'
import type { Method, NodeCaller, Progress } from '../node/api/api.js'
import { nullLogger } from '../base/logger.js'
import type { Logger } from '../base/logger.js'
import { Poller } from '../base/poller.js'
import { checkedParams } from '../node/api/calls.js'
import { prepareControlFolder } from './control-path.js'
import {
  BadRequest,
  MAX_REQUEST_LENGTH,
  errorLine,
  parseRequest,
  progressLine,
  resultLine
} from './json-rpc.js'
import type { RpcId } from './json-rpc.js'
import { readLines } from './lines.js'

const MAX_CONNECTIONS = 64
const MAX_CALLS = 64
/**
 * With more unread bytes than this a caller gets no progress, but still the program's output and its results; and no
 * more of its requests are read until it has read these.
 */
const MAX_UNREAD = 1 << 20
const CLOSE_TIMEOUT_MS = 5_000
/** How often the socket is looked for, ms: what tidies up a folder for temporary files may delete it. */
const LOOK_EVERY_MS = 2_000
const LOOK_AGAIN_MS = 60_000

/**
 * Lets other processes of this user call the node, over a Unix socket that only this user can open. The home's lock
 * must be held: what lies at the path is then of a dead process.
 */
export class ControlServer extends ReadyResource {
  readonly path: string
  readonly stats = { connections: 0, calls: 0, refused: 0 }
  readonly #node: NodeCaller
  readonly #connections = new Set<ControlConnection>()
  readonly #log: Logger
  readonly #watch: Poller
  #server: Server | null = null

  constructor(node: NodeCaller, path: string, log: Logger = nullLogger) {
    super()
    this.#node = node
    this.#log = log
    this.path = path
    this.#watch = new Poller({
      look: () => this.#look(),
      interval: LOOK_EVERY_MS,
      retry: LOOK_AGAIN_MS,
      onerror: log.fault
    })
  }

  protected override async _open(): Promise<void> {
    await this.#listen()
    void this.#watch.start(LOOK_EVERY_MS)
  }

  /** Makes the socket again when it is gone; connections that exist stay. */
  async #look(): Promise<void> {
    const found = await lstat(this.path).catch(() => null)
    if (found?.isSocket() || this.closing) return
    this.#server?.close()
    await this.#listen()
    this.#log.info('the control socket was gone, and is there again', { path: this.path })
  }

  async #listen(): Promise<void> {
    await prepareControlFolder(this.path)
    await rm(this.path, { force: true })
    this.#server = createServer(socket => this.#onconnection(socket))
    this.#server.maxConnections = MAX_CONNECTIONS
    this.#server.listen(this.path)
    await once(this.#server, 'listening')
    await chmod(this.path, 0o600)
  }

  /** Aborts the calls under way and waits a little for them to end and to be answered. */
  protected override async _close(): Promise<void> {
    await this.#watch.close()
    const server = this.#server
    if (!server) return
    const closed = new Promise(resolve => server.close(resolve))
    const ended = Promise.all([...this.#connections].map(connection => connection.end()))
    await Promise.race([ended, after(CLOSE_TIMEOUT_MS)])
    for (const connection of this.#connections) connection.destroy()
    await closed
    await rm(this.path, { force: true })
  }

  #onconnection(socket: Socket): void {
    const connection = new ControlConnection(socket, this.#node, this.stats, this.#log)
    this.#connections.add(connection)
    this.stats.connections++
    socket.once('close', () => this.#connections.delete(connection))
  }
}

class ControlConnection {
  readonly #socket: Socket
  readonly #node: NodeCaller
  readonly #stats: ControlServer['stats']
  readonly #log: Logger
  readonly #calls = new Map<RpcId, { controller: AbortController; done: Promise<void> }>()

  constructor(socket: Socket, node: NodeCaller, stats: ControlServer['stats'], log: Logger) {
    this.#log = log
    this.#socket = socket
    this.#node = node
    this.#stats = stats
    socket.on('error', () => socket.destroy()) // the caller is gone: `close` follows
    socket.once('close', () => this.#abort())
    socket.once('end', () => this.#abort())
    readLines(socket, MAX_REQUEST_LENGTH, {
      online: line => this.#online(line),
      onoverflow: () => this.#refuse(new BadRequest('a line that is too long'), null)
    })
  }

  async end(): Promise<void> {
    this.#abort()
    await Promise.all([...this.#calls.values()].map(call => call.done))
    await new Promise<void>(resolve => this.#socket.end(resolve))
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #abort(): void {
    for (const { controller } of this.#calls.values()) controller.abort(interrupted())
  }

  #online(line: string): void {
    let id: RpcId | null = null
    try {
      const request = parseRequest(line)
      if ('cancel' in request) return this.#cancel(request)
      id = request.id
      if (this.#calls.has(id)) throw new BadRequest('an id that is in use')
      if (this.#calls.size >= MAX_CALLS) throw new BadRequest('too many calls at once', { id })
      // The door: what does not fit the declaration of the call goes no further.
      const method = request.method as Method
      this.#begin(id, method, checkedParams(method, request.params))
    } catch (error) {
      this.#refuse(error, error instanceof BadRequest ? error.id : id)
    }
  }

  #begin(id: RpcId, method: Method, params: object): void {
    const controller = new AbortController()
    const onProgress = (progress: Progress): void => this.#progress(id, progress)
    // In a later turn, so that the call is on the list before it can end.
    const done = Promise.resolve()
      .then(() => this.#node.call(method, params as never, { onProgress, signal: controller.signal }))
      .then(result => resultLine(id, result))
      .catch((error: unknown) => {
        // The caller hears what failed; where in this process it did is in the log.
        if (!(error instanceof BushelError) || error.kind === 'bug') this.#log.fault(error, { call: method })
        return errorLine(id, error)
      })
      .then(line => this.#answer(id, line))
    this.#calls.set(id, { controller, done })
    this.#stats.calls++
  }

  #cancel({ cancel, answer }: { cancel: RpcId; answer: RpcId | null }): void {
    const call = this.#calls.get(cancel)
    call?.controller.abort(interrupted())
    if (answer !== null) this.#send(resultLine(answer, { cancelled: call !== undefined }))
  }

  /** What cannot be read costs the connection, unless it names its call. */
  #refuse(error: unknown, id: RpcId | null): void {
    this.#stats.refused++
    this.#send(errorLine(id, error))
    if (id !== null) return
    this.#abort()
    this.#socket.end(() => this.#socket.destroy())
  }

  #progress(id: RpcId, progress: Progress): void {
    // What a program printed is part of its result: it is bounded by the job's own limits, and none of it is left out.
    const needed = progress.event === 'output'
    if (this.#calls.has(id) && (needed || this.#socket.writableLength < MAX_UNREAD))
      this.#send(progressLine(id, progress))
  }

  #answer(id: RpcId, line: string): void {
    this.#calls.delete(id)
    this.#send(line)
  }

  #send(line: string): void {
    const socket = this.#socket
    if (!socket.writable) return
    socket.write(line)
    if (socket.writableLength < MAX_UNREAD || socket.isPaused()) return
    socket.pause()
    socket.once('drain', () => socket.resume())
  }
}

function interrupted(): BushelError {
  return new BushelError('INTERRUPTED', 'the caller went away')
}

function after(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms).unref())
}
