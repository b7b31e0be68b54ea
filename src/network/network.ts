import { EventEmitter, once } from 'node:events'
import type { NoiseStream } from 'hyperdht'
import Hyperswarm from 'hyperswarm'
import type { Discovery } from 'hyperswarm'
import ReadyResource from 'ready-resource'
import { BOUNDS } from '../base/bounds/bounds.js'
import type { Used } from '../base/bounds/bounds.js'
import type { Disposer } from '../base/scope.js'
import { deadline } from '../base/timeouts.js'
import { nullLogger } from '../base/logger.js'
import { Tally } from '../base/tally.js'
import { CutOff } from './cut-off.js'
import { systemClock } from '../base/clock.js'
import type { Cancel } from '../base/clock.js'
import { endDeadStreams } from './dead-streams.js'
import { ForwarderChoice } from './forwarding/choice.js'
import { Forwarder } from './forwarding/forwarder.js'
import { Handshakes } from './handshakes.js'
import { announcedPages, guardMux } from './mux.js'
import { acceptProofs } from './read-proofs.js'
import type { Address, NetworkOptions } from './network-options.js'
import { Interruptions } from './reach/interruptions.js'
import { areSilent, testReach } from './reach/reach-test.js'
import { reachOf } from './reach/reachability.js'
import type { Reachability } from './reach/reachability.js'
import { unreachable } from './reach/unreachable.js'
import { TellingDht } from './telling-dht.js'
import { STANDING, Visitors } from './visitors.js'
import type { Standing } from './visitors.js'

export type { Address, NetworkOptions }

/** Replicates the core with this discovery key on the connection; false when it is not served. */
export type CoreServer = (discoveryKey: Buffer, stream: NoiseStream) => Promise<boolean>

/** Whether a device pays this node or has paid it before; null for a stranger. */
export type Dealings = (device: Buffer) => 'pays' | 'has paid' | null

/** Each room and channel on a connection listens for its end; more than so many is a leak. */
const LISTENERS = 64
const LOOPBACK = '127.0.0.1'
/** Most connections that are being opened at the same time. */
const DIALS = 64
/** Delay between two tries to connect to a device that a caller waits for, ms. */
const DIAL_EVERY = 1000
/** ms */
const SEEK_EVERY = 4000
/** How long it may take to get through the routers to a device that has answered: the punch to a random port takes 35 s, ms. */
const PUNCHES_FOR = 60_000

/**
 * The node's connections: one Hyperswarm on the device key. Event: `connection` (stream) for each, on which the other
 * parts attach their protocols.
 */
export class Network extends ReadyResource {
  readonly #options: NetworkOptions
  readonly #servers = new Set<CoreServer>()
  readonly #topics = new Map<string, { discovery: Discovery; uses: number; server: boolean }>()
  readonly #wanted = new Map<string, number>()
  readonly #arrivals = new EventEmitter().setMaxListeners(0)
  readonly #streams = new Map<string, NoiseStream>()
  readonly #cutOff: Tally
  readonly #visitors: Visitors
  readonly #handshakes = new Handshakes()
  #dealings: Dealings = () => null
  #swarm: Hyperswarm | null = null
  #dht: TellingDht | null = null
  #forwarder: Forwarder | null = null
  readonly #choice = new ForwarderChoice()
  readonly #interruptions = new Interruptions()
  #unwatch: Cancel = () => undefined

  constructor(options: NetworkOptions) {
    super()
    this.#options = options
    this.#cutOff = new Tally(options.log ?? nullLogger, 'peer cut off')
    this.#visitors = new Visitors((device, dialled) => this.#standingOf(device, dialled))
    this.setMaxListeners(0)
  }

  /** Where others see this node. */
  get reachability(): Reachability {
    const { host, port } = this.#dht!
    const reach = reachOf(this.#dht!, this.#isLocal)
    return { reach, host, port: port || null, forwarders: this.#choice.size }
  }

  /** False once no answer of the DHT comes any more: silence then says nothing about a peer. */
  get isOnline(): boolean {
    return this.#dht!.online
  }

  get #isLocal(): boolean {
    const { bootstrap, direct = true } = this.#options
    return direct && bootstrap !== null && bootstrap.every(address => isLoopback(address.host))
  }

  get streams(): NoiseStream[] {
    return [...this.#streams.values()]
  }

  /** The open connection to a device, if there is one. */
  stream(device: Buffer): NoiseStream | null {
    return this.#streams.get(device.toString('hex')) ?? null
  }

  protected override async _open(): Promise<void> {
    const { keyPair, bootstrap, host, port, direct = true } = this.#options
    this.#dht = new TellingDht(
      {
        ...(bootstrap ? { bootstrap } : {}),
        ...(host === undefined ? {} : { host }),
        ...(port === undefined ? {} : { port, anyPort: false }),
        ...(this.#isLocal ? { host: LOOPBACK, firewalled: false } : {}),
        ...(direct ? {} : { host: LOOPBACK, quickFirewall: false })
      },
      { keyPair, direct, admits: (device, from) => this.#admits(device, from) }
    )
    this.#dht.forwarders.on('told', (key: Buffer, answers: boolean) => {
      if (answers) this.#choice.answered(key)
      else this.#choice.failed(key)
    })
    this.#dht.on('nat-update', () => this.emit('reach'))
    this.#dht.on('network-update', () => this.#onnetwork())
    this.#dht.on('moved', () => this.#announceAnew())
    // By default connections of strangers count too, and with 64 of them no peer would be dialled any more.
    this.#swarm = new Hyperswarm({
      keyPair,
      dht: this.#dht,
      maxPeers: Infinity,
      maxParallel: DIALS,
      maxClientConnections: BOUNDS.dialled.all,
      relayThrough: force => this.#forwarderFor(force)
    })
    this.#swarm.on('connection', (stream: NoiseStream) => this.#onconnection(stream))
    this.#unwatch = endDeadStreams(() => this.streams, systemClock, this.#interruptions)
    await this.#enter(this.#dht)
  }

  /** Joins the DHT. Where no node of a private network answers, that goes on while this node serves who is on its machine. */
  async #enter(dht: TellingDht): Promise<void> {
    const { bootstrap } = this.#options
    const joined = dht.fullyBootstrapped().then(() => this.#testReach())
    if (!bootstrap || bootstrap.length === 0) return joined
    const heard = areSilent(dht, bootstrap).then(silent => (silent ? undefined : joined))
    await Promise.race([joined, heard])
  }

  /**
   * Whether others get through to this node, which hyperdht finds out at the start only when an answer comes before it has
   * met its first nodes, and else in 20 minutes. On a private network it is waited for as long as it may come out well.
   */
  async #testReach(): Promise<void> {
    if (this.#isLocal || !this.#dht!.firewalled || this.#options.direct === false) return
    const tested = testReach(this.#dht!, () => void this.emit('reach'))
    if (this.#options.bootstrap) await tested
  }

  #onnetwork(): void {
    this.emit('reach')
    this.#interruptions.online(this.#dht!.online)
  }

  /** At another address, where others look for it no more. */
  #announceAnew(): void {
    this.emit('reach')
    if (this.#streams.size > 0) this.#interruptions.moved()
    for (const { discovery } of this.#topics.values()) discovery.refresh().catch(() => undefined) // it is tried again later
  }

  /** The forwarder to offer: always to who dials this node, else where there is no way through. */
  #forwarderFor(force: boolean | undefined): Buffer | null {
    if (!this.#dht!.firewalled) return null
    return force === undefined || force || this.#dht!.randomized ? this.#choice.pick() : null
  }

  /** Who knows the forwarders, the best first. */
  useForwarders(known: () => readonly Buffer[]): void {
    this.#choice.use(known)
  }

  /** Forwards for devices that `knows` knows, from now on; resolves to the key of the forwarder. */
  async forward(knows: (device: Buffer) => Promise<boolean>): Promise<Buffer> {
    const { log } = this.#options
    this.#forwarder ??= new Forwarder({ dht: this.#dht!, knows, ...(log ? { log } : {}) })
    await this.#forwarder.ready()
    return this.#forwarder.key
  }

  /** What it forwards; null when it does not. */
  get forwarding(): Forwarder['stats'] | null {
    return this.#forwarder?.stats ?? null
  }

  /** Number of devices that are being dialled. */
  get dialling(): number {
    return this.#dht!.dialling
  }

  /** Number of own connections that others forward. */
  get forwarded(): number {
    return this.#dht!.forwarded
  }

  protected override async _close(): Promise<void> {
    this.#unwatch()
    this.#visitors.close()
    await this.#forwarder?.close()
    await this.#swarm?.destroy()
    await this.#dht?.destroy()
    this.#cutOff.flush()
  }

  /** Registers a server of the cores that peers request by discovery key, until the disposer is called. */
  serveCores(server: CoreServer): Disposer {
    this.#servers.add(server)
    return () => this.#servers.delete(server)
  }

  /** Counts of the current registrations. */
  get registered(): { servers: number; topics: number; listeners: number; held: number } {
    const listeners = this.listenerCount('connection')
    return { servers: this.#servers.size, topics: this.#topics.size, listeners, held: this.#wanted.size }
  }

  /** Registers who knows the devices that pay, until the disposer is called. */
  knowDealings(dealings: Dealings): Disposer {
    this.#dealings = dealings
    return () => {
      if (this.#dealings === dealings) this.#dealings = () => null
    }
  }

  dealings(device: Buffer): ReturnType<Dealings> {
    return this.#dealings(device)
  }

  /** How much of its bounds is used. */
  get used(): Used & Visitors['used'] {
    const dialled = this.#swarm?.stats.connects.client
    return {
      ...this.#visitors.used,
      ...this.#forwarder?.used,
      dialled: dialled ? dialled.attempted - dialled.closed : 0,
      announced: announcedPages()
    }
  }

  /** Who pays or has paid, and who is waited for, always gets in. */
  #admits(device: Buffer, host: string): boolean {
    if (this.#standingOf(device, false) <= STANDING.customer || this.#handshakes.admits(host)) return true
    this.#cutOff.count('HANDSHAKES', { peer: device })
    return false
  }

  #standingOf(device: Buffer, dialled: boolean): Standing {
    if (this.#wanted.has(device.toString('hex'))) return STANDING.partner
    const dealings = this.#dealings(device)
    if (dealings === 'pays') return STANDING.partner
    if (dealings === 'has paid') return STANDING.customer
    return dialled ? STANDING.dialled : STANDING.stranger
  }

  #onconnection(stream: NoiseStream): void {
    stream.setMaxListeners(LISTENERS)
    const id = stream.remotePublicKey.toString('hex')
    stream.on('error', error => {
      if (error instanceof CutOff) this.#cutOff.count(error.bound, { peer: stream.remotePublicKey })
      stream.destroy() // the swarm replaces a broken connection
    })
    stream.once('close', () => {
      if (this.#streams.get(id) === stream) this.#streams.delete(id)
    })
    this.#streams.set(id, stream)
    const visitor = this.#visitors.add(stream)
    const mux = guardMux(stream, {
      wrote: buffered => this.#visitors.wrote(visitor, buffered),
      kept: () => this.#visitors.kept(visitor)
    })
    visitor.pending = () => mux.pending
    visitor.isAsked = () => mux.isAsking
    acceptProofs(stream)
    this.emit('connection', stream)
    mux.pair({ protocol: 'hypercore/alpha' }, async discoveryKey => {
      if (discoveryKey) await this.#serve(discoveryKey, stream)
    })
    // An open connection may lead nowhere: hyperdht may have lost what the peer sent over a forwarder.
    visitor.onproven = () => this.#arrivals.emit(id, stream)
  }

  async #serve(discoveryKey: Buffer, stream: NoiseStream): Promise<void> {
    // A proof that came before is read a turn later than this.
    await new Promise(resolve => setImmediate(resolve))
    for (const server of this.#servers) if (await server(discoveryKey, stream)) return
  }

  /** Looks up peers on a topic and, with `server`, announces this node. Uses are counted: each `join` needs a `leave`. */
  join(topic: Buffer, { server }: { server: boolean }): Discovery {
    const id = topic.toString('hex')
    const known = this.#topics.get(id)
    if (known) {
      known.uses++
      if (server && !known.server) {
        known.server = true
        known.discovery = this.#swarm!.join(topic, { client: true, server: true })
      }
      return known.discovery
    }
    const discovery = this.#swarm!.join(topic, { client: true, server })
    this.#topics.set(id, { discovery, uses: 1, server })
    return discovery
  }

  /**
   * Looks for peers on a topic until the disposer is called, for a caller that waits: again every few seconds, for a peer
   * that has just begun may not be announced yet, and a lookup may miss one under load.
   */
  seek(topic: Buffer, everyMs = SEEK_EVERY): () => Promise<void> {
    const discovery = this.join(topic, { server: false })
    const again = setInterval(() => {
      discovery.refresh().catch(() => undefined) // the next one tries it again
    }, everyMs)
    return async () => {
      clearInterval(again)
      await this.leave(topic)
    }
  }

  async leave(topic: Buffer): Promise<void> {
    const id = topic.toString('hex')
    const known = this.#topics.get(id)
    if (!known || --known.uses > 0) return
    this.#topics.delete(id)
    await this.#swarm!.leave(topic)
  }

  /** Makes this device reachable by its key. */
  async listen(): Promise<void> {
    const announced = this.#swarm!.listen()
    if (this.#dht!.nodes.length > 0) return announced
    // Nobody is there to be told of this node: it is announced when somebody is.
    announced.catch((error: unknown) => {
      if (!this.closing) this.#options.log?.fault(error)
    })
  }

  /**
   * Returns the connection to a device, opened if needed, once something has come over it; rejects with PEER_UNREACHABLE after
   * `timeoutMs`, and after a minute where the device has answered and a way through the routers is looked for. With
   * `knownOnly` it rejects as soon as the DHT does not know where the device is, for a caller that has others to dial.
   */
  async connect(
    device: Buffer,
    timeoutMs: number,
    { signal, knownOnly = false }: { signal?: AbortSignal | undefined; knownOnly?: boolean } = {}
  ): Promise<NoiseStream> {
    const open = this.stream(device)
    if (open && !open.destroyed && this.#visitors.isProven(open)) return open
    const id = device.toString('hex')
    const limit = new AbortController()
    const unknown = (): void => limit.abort(UNKNOWN)
    if (knownOnly) this.#dht!.unknown.once(id, unknown)
    this.hold(device)
    // The swarm retries ever more rarely, but here a caller waits.
    const again = setInterval(() => this.#swarm!.joinPeer(device), DIAL_EVERY)
    const { punchesFor = PUNCHES_FOR } = this.#options
    let [cancel, ms] = [deadline(timeoutMs, () => limit.abort()), timeoutMs]
    const punching = (): void => {
      if (ms >= punchesFor) return
      cancel()
      ms = punchesFor
      cancel = deadline(ms, () => limit.abort())
    }
    this.#dht!.punching.on(id, punching)
    try {
      const any = signal ? AbortSignal.any([signal, limit.signal]) : limit.signal
      const [stream] = (await once(this.#arrivals, id, { signal: any })) as [NoiseStream]
      return stream
    } catch (error) {
      signal?.throwIfAborted()
      const dial = { isUnknown: limit.signal.reason === UNKNOWN, isAnswered: ms > timeoutMs, ms }
      throw unreachable(device, this.reachability, dial).withCause(error)
    } finally {
      cancel()
      clearInterval(again)
      this.#dht!.unknown.off(id, unknown)
      this.#dht!.punching.off(id, punching)
      this.release(device)
    }
  }

  /** Keeps a device connected until each `hold` was followed by a `release`. */
  hold(device: Buffer): void {
    const id = device.toString('hex')
    this.#wanted.set(id, (this.#wanted.get(id) ?? 0) + 1)
    this.#swarm!.joinPeer(device)
  }

  release(device: Buffer): void {
    const id = device.toString('hex')
    const wants = (this.#wanted.get(id) ?? 1) - 1
    if (wants > 0) {
      this.#wanted.set(id, wants)
      return
    }
    this.#wanted.delete(id)
    if (this.closing) return
    this.#swarm!.leavePeer(device)
    // A dial that goes on would hold up others.
    if (!this.#swarm!.peers.get(id)?.topics.length) this.#dht!.giveUp(device)
  }
}

/** Why a dial ends that found no trace of the device. */
const UNKNOWN = Symbol('unknown')

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host)
}
