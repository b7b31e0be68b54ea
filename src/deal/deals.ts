import type { KeyPair } from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import ReadyResource from 'ready-resource'
import type { Hello, Party, SignedCounter } from '#spec'
import { attests, authorOf } from '../../contracts/keys/attestation.js'
import { MAX_COUNTERS } from '../../contracts/schema/counts.js'
import { BushelError } from '../../contracts/errors/error.js'
import { shortKey } from '../../contracts/keys/key.js'
import { isNodeId } from '../../contracts/keys/node-id.js'
import { MAX_CLOCK_SKEW, PROTOCOL_VERSION } from '../../contracts/terms.js'
import type { Used } from '../base/bounds/bounds.js'
import { addressOf } from '../base/bounds/address.js'
import { settledWithin, unlessAborted } from '../base/timeouts.js'
import type { Disposer } from '../base/scope.js'
import type { Store } from '../store/store.js'
import { RequestBudget } from './budget.js'
import { DealChannel, PROTOCOL } from './channel.js'
import type { Counterparty, Handler, Handlers } from './channel.js'
import { DeclineError } from './decline.js'
import type { Method } from './methods.js'
import { Experiences } from './sellers/experience.js'
import { Replies } from './replies.js'
import type { Resources } from './resource.js'
import type { Logger } from '../base/logger.js'
import { Tally } from '../base/tally.js'
import { trustedNow } from '../base/time/trusted-time.js'

/** The keys that this node shows its counterparties. */
export interface OwnKeys {
  identity: Buffer
  device: KeyPair
  /** Attestation of the device by the identity. */
  proof: Buffer
  /** Public key of its Lightning node, 33 bytes. */
  lightning: Buffer
  /** Id of the Lightning network; nodes on different networks make no deals. */
  network: string
}

/** The network operations that deals need. */
export interface PeerConnector {
  connect(
    device: Buffer,
    timeoutMs: number,
    options?: { signal?: AbortSignal | undefined; knownOnly?: boolean }
  ): Promise<NoiseStream>
  /** Whether a device pays or has paid; null for a stranger. */
  dealings(device: Buffer): string | null
  /** False once this node is without a network. */
  readonly isOnline: boolean
}

export interface DealsOptions {
  self: OwnKeys
  /** The resources whose messages are known. */
  resources: Resources
  store: Store
  connector: PeerConnector
  log: Logger
  now?: () => number
}

/** Compares counters when two nodes connect. */
export interface CounterExchange {
  /** The latest co-signed counters with a device, sent in the hello. */
  show(device: Buffer): SignedCounter[]
  /** Handles the counters that a peer shows; the connection waits until it resolves. */
  judge(peer: Counterparty, counters: SignedCounter[]): Promise<void>
}

/** How long closing waits for running answers, ms. */
const CLOSING = 2000

/**
 * All deal channels of a node. The identity of the peer is proven before any request is sent or answered.
 * Events: `attached` (stream) when channels are accepted on a connection, `met` (channel) when a hello was accepted and its
 * counters were handled.
 */
export class Deals extends ReadyResource {
  readonly self: OwnKeys
  readonly resources: Resources
  readonly store: Store
  readonly replies: Replies
  /** Bytes of the requests of all peers that are not answered yet. */
  readonly held = { bytes: 0 }
  readonly now: () => number
  readonly experiences: Experiences
  readonly #connector: PeerConnector
  readonly #log: Logger
  readonly #cutOff: Tally
  readonly #handlers: Handlers = {}
  readonly #channels = new Map<NoiseStream, DealChannel>()
  readonly #budgets = new WeakMap<NoiseStream, RequestBudget>()
  readonly #greetings = new WeakMap<DealChannel, Promise<void>>()
  #startMeeting: () => void = () => undefined
  /** Resolves once this is open, or was closed. */
  readonly #meeting = new Promise<void>(resolve => (this.#startMeeting = resolve))
  /** Streams on which a peer may open a channel, each with its disposer. */
  readonly #attached = new Map<NoiseStream, Disposer>()
  /** Running answers of all channels. */
  readonly #answering = new Set<Promise<unknown>>()
  #exchange: CounterExchange | null = null

  constructor({ self, resources, store, connector, log, now = trustedNow }: DealsOptions) {
    super()
    this.self = self
    this.resources = resources
    this.store = store
    this.now = now
    this.experiences = new Experiences(store, now)
    this.replies = new Replies(store, now)
    this.#connector = connector
    this.#log = log
    this.#cutOff = new Tally(log, 'peer cut off')
    this.handle('hello', async (hello, _from, channel) => {
      await this.#meet(channel, hello)
      return { body: this.#hello(channel.device) }
    })
  }

  /** How much of its bounds is used. */
  get used(): Used {
    return { heldRequests: this.held.bytes, replies: this.replies.ofStrangers }
  }

  /** False once this node is without a network: who is not reached then may be there. */
  get isOnline(): boolean {
    return this.#connector.isOnline
  }

  get party(): Party {
    return {
      identity: this.self.identity,
      device: this.self.device.publicKey,
      lightning: this.self.lightning
    }
  }

  protected override _open(): Promise<void> {
    this.#startMeeting()
    return Promise.resolve()
  }

  protected override async _close(): Promise<void> {
    this.#startMeeting()
    for (const detach of [...this.#attached.values()]) detach()
    await Promise.all([...this.#channels.values()].map(channel => channel.close()))
    await settledWithin(this.#answering, CLOSING)
    this.#cutOff.flush()
  }

  /** Current registrations: handlers (hello is our own), streams, the exchange. */
  get registered(): { methods: Method[]; streams: number; exchange: boolean } {
    const methods = Object.keys(this.#handlers) as Method[]
    return { methods, streams: this.#attached.size, exchange: this.#exchange !== null }
  }

  /** Registers the handler of a method until the disposer is called. Throws when the method has one. */
  handle<M extends Method>(method: M, handler: Handler<M>): Disposer {
    if (this.#handlers[method]) throw new Error(`'${method}' has a handler already`)
    Object.assign(this.#handlers, { [method]: handler })
    return () => {
      if (this.#handlers[method] === (handler as unknown)) Reflect.deleteProperty(this.#handlers, method)
    }
  }

  /** Registers the exchange of counters at hello until the disposer is called. Throws when there is one. */
  exchange(exchange: CounterExchange): Disposer {
    if (this.#exchange) throw new Error('counters are exchanged already')
    this.#exchange = exchange
    return () => {
      if (this.#exchange === exchange) this.#exchange = null
    }
  }

  /** Accepts deal channels on this connection; one is opened when either side sends a request. */
  attach(stream: NoiseStream): void {
    if (this.#attached.has(stream) || stream.destroyed || this.closing) return
    const mux = Protomux.from(stream)
    const detach = (): void => {
      this.#attached.delete(stream)
      stream.off('close', detach)
      mux.unpair({ protocol: PROTOCOL, id: null })
    }
    this.#attached.set(stream, detach)
    mux.pair({ protocol: PROTOCOL, id: null }, () => void this.#channel(stream))
    stream.once('close', detach)
    this.emit('attached', stream)
  }

  #channel(stream: NoiseStream): DealChannel | null {
    const open = this.#channels.get(stream)
    if (open || stream.destroyed || this.closing) return open ?? null
    const { store, replies } = this
    const budget = this.#budgets.get(stream) ?? new RequestBudget()
    this.#budgets.set(stream, budget)
    const channel = new DealChannel({
      stream,
      messages: this.resources.messages,
      handlers: this.#handlers,
      store,
      replies,
      budget,
      held: this.held,
      isPartner: () => this.#connector.dealings(stream.remotePublicKey) !== null,
      answering: this.#answering,
      log: this.#log,
      oncutoff: bound => this.#cutOff.count(bound, { peer: stream.remotePublicKey })
    })
    this.#channels.set(stream, channel)
    channel.once('close', () => this.#channels.delete(stream))
    return channel
  }

  /**
   * Opens a channel to a device, on which both sides have proven their identity. Work that was resumed before this node hears peers waits
   * here until it does: a peer that it met earlier would be met without Lightning. `knownOnly`: see `Network.connect`.
   */
  async open(
    device: Buffer,
    {
      timeoutMs = 20_000,
      signal,
      knownOnly = false
    }: { timeoutMs?: number; signal?: AbortSignal; knownOnly?: boolean } = {}
  ): Promise<DealChannel> {
    await (signal ? unlessAborted(this.#meeting, signal) : this.#meeting)
    const stream = await this.#connector.connect(device, timeoutMs, { signal, knownOnly })
    const channel = this.#channel(stream)
    if (!channel) throw new BushelError('PEER_GONE', `${shortKey(device)} went away`)
    let greeting = this.#greetings.get(channel)
    if (!greeting) {
      greeting = this.#greet(channel, timeoutMs)
      this.#greetings.set(channel, greeting)
      greeting.catch(() => this.#greetings.delete(channel))
    }
    await greeting
    return channel
  }

  async #greet(channel: DealChannel, timeoutMs: number): Promise<void> {
    const theirs = await channel.request('hello', this.#hello(channel.device), { timeoutMs })
    try {
      await this.#meet(channel, theirs)
    } catch (error) {
      if (!(error instanceof DeclineError)) throw error
      throw new BushelError('NO_DEAL', `${shortKey(channel.device)} cannot be dealt with: ${error.message}`)
    }
  }

  #hello(device: Buffer): Hello {
    const { proof, lightning, network } = this.self
    return {
      version: PROTOCOL_VERSION,
      network,
      proof,
      lightning,
      clock: this.now(),
      counters: this.#exchange?.show(device).slice(0, MAX_COUNTERS) ?? []
    }
  }

  async #meet(channel: DealChannel, hello: Hello): Promise<void> {
    const author = authorOf(hello.proof)
    if (!author || !author.device.equals(channel.device) || !attests(hello.proof, null, author)) {
      throw new DeclineError('IDENTITY', 'the attestation of this device by its identity is not valid')
    }
    if (hello.version !== PROTOCOL_VERSION)
      throw new DeclineError('VERSION', `this node speaks version ${PROTOCOL_VERSION} of the protocol`)
    if (hello.network !== this.self.network)
      throw new DeclineError('NETWORK', `this node pays on ${this.self.network}`)
    if (!isNodeId(hello.lightning))
      throw new DeclineError('LIGHTNING', 'the hello names no Lightning node id')
    const skew = Math.abs(hello.clock - this.now())
    if (skew > MAX_CLOCK_SKEW) {
      throw new DeclineError(
        'CLOCK',
        `the two clocks are ${Math.round(skew / 1000)} s apart; at most two minutes are allowed`
      )
    }
    channel.peer = {
      device: channel.device,
      identity: author.identity,
      lightning: hello.lightning,
      address: addressOf(channel.stream.rawStream.remoteHost ?? '')
    }
    await this.#exchange?.judge(channel.peer, hello.counters)
    this.emit('met', channel)
  }
}
