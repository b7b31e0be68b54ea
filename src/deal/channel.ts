import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import ReadyResource from 'ready-resource'
import { decode, encode } from '../../contracts/schema/codec.js'
import { BushelError, isBlamed } from '../../contracts/errors/error.js'
import { shortKey } from '../../contracts/keys/key.js'
import { BOUNDS } from '../base/bounds/bounds.js'
import type { Clock } from '../base/clock.js'
import { StrictRpc } from '../book/peers/strict-rpc.js'
import type { Change } from '../store/change.js'
import type { Store } from '../store/store.js'
import type { RequestBudget } from './budget.js'
import { DeclineError, Declined } from './decline.js'
import type { Message, MessageTable, Method, ReplyOf, RequestOf } from './methods.js'
import type { Replies } from './replies.js'
import type { Logger } from '../base/logger.js'

export const PROTOCOL = 'bushel/deal'
const REQUEST_TIMEOUT = 20_000
/** Most requests of one peer answered at the same time. */
const AT_ONCE = BOUNDS.requests.peer

/** The peer at the other end, as proven by the connection and the hello. */
export interface Counterparty {
  device: Buffer
  identity: Buffer
  /** Public key of its Lightning node, 33 bytes. */
  lightning: Buffer
  /** Where it is, see `addressOf`; null: on this machine. */
  address: string | null
}

/** An answer: the reply, the changes that must be on disk before it leaves, and what follows. */
export interface Answer<M extends Method> {
  body: ReplyOf<M>
  changes?: Change[]
  /** Called when the changes are on disk, or could not be written. */
  kept?: () => void
}

export type Handler<M extends Method> = (
  body: RequestOf<M>,
  from: Counterparty,
  channel: DealChannel,
  requestId: Buffer
) => Promise<Answer<M>> | Answer<M>

export type Handlers = { [M in Method]?: Handler<M> }

export interface ChannelOptions {
  stream: NoiseStream
  /** The messages that this node knows, by method. */
  messages: MessageTable
  handlers: Handlers
  store: Store
  replies: Replies
  budget: RequestBudget
  /** Bytes of the requests of all channels that are not answered yet. */
  held: { bytes: number }
  /** True when the peer pays or has paid. */
  isPartner: () => boolean
  clock?: Clock
  /** Running answers, also of closed channels. */
  answering: Set<Promise<unknown>>
  log: Logger
  /** Called when the peer has exceeded a bound and is cut off. */
  oncutoff: (bound: string) => void
}

/**
 * One deal channel on one connection: typed requests with random ids, bounded before they are parsed. A kept answer is on
 * disk with its changes before it leaves. A peer that breaks the protocol is disconnected.
 */
export class DealChannel extends ReadyResource {
  readonly stream: NoiseStream
  /** Null until the hello. */
  peer: Counterparty | null = null
  readonly #options: ChannelOptions
  readonly #rpc: StrictRpc
  readonly #onclose = (): void => void this.close()
  readonly #over = new AbortController()
  readonly #waiting: (() => void)[] = []
  #underWay = 0
  #held = 0
  #isCutOff = false

  constructor(options: ChannelOptions) {
    super()
    this.#options = options
    this.stream = options.stream
    this.#rpc = new StrictRpc(options.stream, {
      protocol: PROTOCOL,
      ...(options.clock ? { clock: options.clock } : {})
    })
    for (const method of Object.keys(options.messages) as Method[]) {
      this.#rpc.respond(method, value => this.#counted(this.#respond(method, value)))
    }
    this.#rpc.on('unknown', () => this.#cutOff('UNKNOWN_METHOD'))
    this.#rpc.on('close', this.#onclose)
    this.stream.once('close', this.#onclose)
  }

  get device(): Buffer {
    return this.stream.remotePublicKey
  }

  /** Aborted when the channel closes, so that nobody waits for an answer. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  protected override async _close(): Promise<void> {
    this.stream.off('close', this.#onclose)
    this.#over.abort()
    this.#rpc.destroy()
  }

  /**
   * Sends a request and returns the answer. A repeated `id` gets the same answer. Rejects with the peer's decline
   * (DECLINED), TIMEOUT, or PEER_GONE; a malformed answer costs the peer its connection.
   */
  async request<M extends Method>(
    method: M,
    body: RequestOf<M>,
    { id = crypto.randomBytes(32), timeoutMs = REQUEST_TIMEOUT }: { id?: Buffer; timeoutMs?: number } = {}
  ): Promise<ReplyOf<M>> {
    const peer = shortKey(this.device)
    const { request: codec, reply: answers, replyBytes } = this.#message(method)
    const request = encode('request', { id, body: codec.encode(body) })
    let bytes: Buffer | null
    try {
      bytes = await this.#rpc.request(method, request, { timeout: timeoutMs })
    } catch (error) {
      throw unanswered(peer, method, error)
    }
    try {
      const reply = decode('reply', bytes, replyBytes + 1024)
      if (reply.decline) throw new Declined(peer, reply.decline.code, reply.decline.reason)
      return answers.decode(reply.body, replyBytes) as ReplyOf<M>
    } catch (error) {
      if (error instanceof BushelError && error.code === 'MALFORMED') this.#cutOff(error.code)
      throw error
    }
  }

  /** Ends the connection of a misbehaving peer. */
  disconnect(): void {
    this.stream.destroy()
  }

  #message(method: Method): Message<unknown, unknown> {
    const message = this.#options.messages[method]
    if (!message) throw new Error(`no resource of this node has a message '${method}'`)
    return message
  }

  #counted<T>(answer: Promise<T>): Promise<T> {
    const { answering } = this.#options
    const counted = answer.finally(() => answering.delete(counted))
    answering.add(counted)
    return counted
  }

  #cutOff(bound: string): void {
    if (!this.#isCutOff) this.#options.oncutoff(bound) // count further requests of the same batch once
    this.#isCutOff = true
    this.disconnect()
  }

  async #respond(method: Method, value: Buffer | null): Promise<Buffer> {
    try {
      if (!this.#options.budget.spend()) throw new BushelError('UNEXPECTED', 'too many requests')
      if (this.#options.store.failed) throw this.#options.store.failed // promise nothing that cannot be written to disk
      const { request: codec, requestBytes } = this.#message(method)
      const request = decode('request', value, requestBytes + 1024)
      const body = codec.decode(request.body, requestBytes)
      if (!this.peer && method !== 'hello')
        throw new BushelError('UNEXPECTED', `it sent ${method} before hello`)
      const bytes = value!.byteLength
      this.#hold(bytes)
      try {
        return await this.#inPlace(() => this.#answerOnce(method, request.id, body))
      } finally {
        this.#hold(-bytes)
      }
    } catch (error) {
      if (isBlamed(error)) this.#cutOff(error.code)
      else {
        if (!this.closing) this.#options.log.fault(error, { peer: this.device, method })
        this.disconnect()
      }
      // protomux-rpc rethrows a TypeError or a RangeError where it ends the process.
      throw error instanceof BushelError
        ? error
        : new BushelError('FAILED', 'the request failed').withCause(error)
    }
  }

  #answerOnce(method: Method, id: Buffer, body: unknown): Promise<Buffer> {
    if (!this.#message(method).kept) return this.#answer(method, id, body)
    const { replies } = this.#options
    return replies.once(this.device, id, () => this.#answer(method, id, body))
  }

  async #answer(method: Method, id: Buffer, body: unknown): Promise<Buffer> {
    const handler = this.#options.handlers[method] as Handler<Method> | undefined
    let answer: Answer<Method> | null = null
    let reply: Buffer
    try {
      try {
        if (!handler) throw new DeclineError('NOT_SERVED', `this node does not answer '${method}'`)
        answer = await handler(body as never, this.peer!, this, id)
        reply = encode('reply', { body: this.#message(method).reply.encode(answer.body) })
      } catch (error) {
        if (!(error instanceof DeclineError)) throw error
        reply = encode('reply', { decline: { code: error.word, reason: error.message.slice(0, 200) } })
      }
      const changes = [...(answer?.changes ?? [])]
      // A decline is not kept: it promises nothing, and a stranger could fill the disk with declines.
      if (answer && this.#message(method).kept && this.#keeps(reply))
        changes.push(...this.#options.replies.changes(this.device, id, reply))
      if (changes.length > 0) await this.#options.store.set(...changes)
      return reply
    } finally {
      answer?.kept?.()
    }
  }

  /** Counts bytes of a request while they are held. Those of strangers are few in all. */
  #hold(bytes: number): void {
    const { held, isPartner } = this.#options
    const { peer, all } = BOUNDS.heldRequests
    if (bytes > 0 && (this.#held + bytes > peer || (held.bytes + bytes > all && !isPartner())))
      throw new BushelError('UNEXPECTED', 'too many requests at once')
    this.#held += bytes
    held.bytes += bytes
  }

  #keeps(reply: Buffer): boolean {
    const { replies, isPartner } = this.#options
    if (isPartner()) return true
    return replies.keepsForStranger(this.device, this.peer?.address ?? null, reply.byteLength)
  }

  /** Runs a few answers at a time, the others in order of arrival, to bound the memory that they hold. */
  async #inPlace<T>(work: () => Promise<T>): Promise<T> {
    if (this.#underWay < AT_ONCE) this.#underWay++
    else await new Promise<void>(go => this.#waiting.push(go))
    try {
      if (this.closing) throw new BushelError('CLOSED', 'the channel is closed')
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#underWay--
    }
  }
}

function unanswered(peer: string, method: string, error: unknown): BushelError {
  const code = (error as { code?: string }).code
  if (code === 'TIMEOUT_EXCEEDED') {
    return new BushelError('TIMEOUT', `${peer} did not answer ${method} in time`).withCause(error)
  }
  return new BushelError('PEER_GONE', `${peer} went away during ${method}`).withCause(error)
}
