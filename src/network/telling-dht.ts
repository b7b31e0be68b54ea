import { EventEmitter } from 'node:events'
import type { KeyPair } from 'hypercore-crypto'
import HyperDHT from 'hyperdht'
import type { NoiseStream, PeerAddress, Server } from 'hyperdht'
import { systemClock } from '../base/clock.js'
import type { Cancel, Clock } from '../base/clock.js'
import { CutOff, boundFrames } from './cut-off.js'
import { linger } from './forwarding/linger.js'
import { guardMux } from './mux.js'
import { AddressWatch } from './reach/address-watch.js'
import { keepAnnounced } from './reach/announced.js'
import { PunchTurns } from './reach/punch-turns.js'

/** True when a connection is refused. */
type Firewall = (device: Buffer, payload: object, from: { host: string; port: number }) => boolean

interface ServerOptions {
  firewall?: Firewall
}

export interface TellingOptions {
  /** Of the device; a forwarder knows it by this. */
  keyPair?: KeyPair
  /** Whether a device that connects from this host is answered. */
  admits: (device: Buffer, host: string) => boolean
  /** False: no packet goes from peer to peer, as between two routers that let nothing in. */
  direct?: boolean
  clock?: Pick<Clock, 'after'>
}

/** From here on a router gives each packet another port, as hyperdht counts them. */
const RANDOM = 3
/** Largest frame of a forwarder: the answer to a request takes some 50 bytes. */
const MOST_FRAME = 4096
/** Most unread bytes that are kept for a forwarder. */
const MOST_UNREAD = 64 * 1024

/** No way through: for tests on one machine, where every packet gets through. */
const INDIRECT = { localConnection: false, fastOpen: false }

/**
 * A DHT that tells what becomes of a dial, which the swarm keeps to itself, and that notices when this node has another
 * address.
 */
export class TellingDht extends HyperDHT {
  /** Emits the device in hex when a lookup of it has ended and no node knows where it is. */
  readonly unknown = new EventEmitter().setMaxListeners(0)
  /** Emits the device in hex when it has answered and a way through the routers is looked for. */
  readonly punching = new EventEmitter().setMaxListeners(0)
  /** Emits `told` with the key of a forwarder, and whether it answers. */
  readonly forwarders = new EventEmitter().setMaxListeners(0)
  readonly #options: TellingOptions
  readonly #turns = new PunchTurns()
  readonly #addresses = new AddressWatch()
  readonly #dials = new Map<string, Set<NoiseStream>>()
  readonly #unwatch: Cancel
  #forwarding = 0

  constructor(options: object, own: TellingOptions) {
    super({ ...options, ...(own.keyPair ? { keyPair: own.keyPair } : {}) })
    this.#options = own
    this.#unwatch = keepAnnounced(() => this.listening, systemClock)
  }

  override async destroy(options?: { force?: boolean }): Promise<void> {
    this.#unwatch()
    await super.destroy(options)
  }

  /** Number of devices that are being dialled. */
  get dialling(): number {
    return this.#dials.size
  }

  /** Number of own connections to forwarders. */
  get forwarded(): number {
    return this.#forwarding
  }

  /** The swarm's own firewall is not told of the address, and bans for good. */
  override createServer(options: ServerOptions, listener: (stream: NoiseStream) => void): Server {
    const { admits, direct = true } = this.#options
    const firewall: Firewall = (device, payload, from) =>
      !admits(device, from.host) || (options.firewall?.(device, payload, from) ?? false)
    const blocked = direct ? {} : { holepunch: () => false, shareLocalAddress: false }
    return super.createServer({ ...options, firewall, ...blocked }, listener)
  }

  /** hyperdht itself dials the forwarder that one side of a connection has offered; only these dials have no options. */
  override connect(device: Buffer, options?: object): NoiseStream {
    return options ? this.#dial(device, options) : this.#dialForwarder(device)
  }

  #dial(device: Buffer, options: object): NoiseStream {
    const id = device.toString('hex')
    const { direct = true } = this.#options
    const holepunch = (remote: number, local: number): boolean => this.#mayPunch(id, remote, local) && direct
    const stream = super.connect(device, { holepunch, ...options, ...(direct ? {} : INDIRECT) })
    stream.on('error', (error: { code?: string }) => {
      if (error.code === 'PEER_NOT_FOUND') this.unknown.emit(id)
    })
    const dials = this.#dials.get(id) ?? new Set()
    this.#dials.set(id, dials.add(stream))
    const done = (): void => {
      dials.delete(stream)
      if (dials.size === 0 && this.#dials.get(id) === dials) this.#dials.delete(id)
    }
    stream.once('close', done)
    stream.once('open', done)
    return stream
  }

  /** Ends the dials of a device that nobody waits for any more: hyperdht punches towards one random port range at a time. */
  giveUp(device: Buffer): void {
    for (const stream of this.#dials.get(device.toString('hex')) ?? []) stream.destroy()
  }

  /** Whether to go on with a dial whose other side has answered. */
  #mayPunch(id: string, remote: number, local: number): boolean {
    this.punching.emit(id)
    if (remote < RANDOM && local < RANDOM) return true
    const isFree =
      this._randomPunches < this._randomPunchLimit &&
      systemClock.now() - this._lastRandomPunch >= this._randomPunchInterval
    return this.#turns.mayPunch(id, isFree)
  }

  /** Anybody may name it as a forwarder, so it is bounded before a protocol reads it. */
  #dialForwarder(key: Buffer): NoiseStream {
    const stream = super.connect(key)
    const { clock = systemClock } = this.#options
    let hasAnswered = false
    stream.on('error', () => undefined)
    stream.once('open', () => {
      hasAnswered = true
      this.#forwarding++
      this.forwarders.emit('told', key, true)
      boundFrames(stream, bytes => bytes <= MOST_FRAME)
      linger(stream, clock)
    })
    stream.once('close', () => {
      if (hasAnswered) this.#forwarding--
      else this.forwarders.emit('told', key, false)
    })
    guardMux(stream, {
      wrote: buffered => {
        if (buffered > MOST_UNREAD) stream.destroy(new CutOff('BACKLOG', 'it does not read answers'))
      }
    })
    return stream
  }

  /** Each answer of another node says where it sees this one. */
  override _addNodeFromNetwork(
    sample: boolean,
    from: PeerAddress & { id: Buffer | null },
    to: PeerAddress
  ): void {
    super._addNodeFromNetwork(sample, from, to)
    const seen = sample ? this.#addresses.see(from, to) : null
    if (seen) this.#moved(seen)
  }

  /** What was sampled at the old address says nothing any more, and would be believed for an hour. */
  #moved(seen: readonly PeerAddress[]): void {
    const { constructor: Sampler } = this._nat as unknown as { constructor: new () => HyperDHT['_nat'] }
    this._nat = new Sampler()
    for (const { host, port } of seen) this._nat.add(host, port)
    this.emit('nat-update', this.host, this.port)
    this.emit('moved')
    for (const server of this.listening) server.refresh()
  }
}
