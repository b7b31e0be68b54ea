import { Server } from 'blind-relay'
import type { ForwardedStream, PairRequest, Session } from 'blind-relay'
import crypto from 'hypercore-crypto'
import type HyperDHT from 'hyperdht'
import type { NoiseStream, Server as DhtServer } from 'hyperdht'
import ReadyResource from 'ready-resource'
import { addressOf } from '../../base/bounds/address.js'
import { BOUNDS } from '../../base/bounds/bounds.js'
import { systemClock } from '../../base/clock.js'
import type { Cancel, Clock } from '../../base/clock.js'
import { nullLogger } from '../../base/logger.js'
import type { Logger } from '../../base/logger.js'
import { Tally } from '../../base/tally.js'
import { CutOff, boundFrames } from '../cut-off.js'
import { guardMux } from '../mux.js'
import { Allowance } from './allowance.js'

/** How long one side waits for the other, ms, and how long a connection stays that asks for nothing. */
const WAITS = 20_000
/** How often bytes are counted, ms. */
const LOOKS = 1000
/** Most pairs of one connection; hyperdht makes a connection for each. */
const MOST_OF_SESSION = 4
/** Largest frame: a request to be paired takes some 50 bytes. */
const MOST_FRAME = 4096

const USED_UP = 'what may be forwarded for it is used up'

export interface ForwarderOptions {
  dht: Pick<HyperDHT, 'createServer' | 'createRawStream'>
  /** Whether this node forwards for a device. One side of each pair must be such a device. */
  knows: (device: Buffer) => Promise<boolean>
  /** How many bytes are forwarded; `BOUNDS.forwarded` by default. */
  allowance?: Allowance
  log?: Logger
  clock?: Clock
}

/** A connection to the forwarder. */
interface Guest {
  readonly session: Session
  readonly device: Buffer
  readonly address: string | null
  /** Whether the forwarder knows the device. */
  readonly known: Promise<boolean>
  isKnown: boolean
  readonly since: number
  /** Tokens for which it waits, each with what ends that. */
  readonly waiting: Map<string, Cancel>
  readonly pairs: Map<string, Pair>
}

/** Two connections between which packets are forwarded. */
interface Pair {
  readonly guests: [Guest, Guest]
  /** What each side sends, with the bytes that were counted. */
  readonly flows: { from: Guest; stream: ForwardedStream; counted: number }[]
}

/**
 * Forwards packets between two peers that cannot reach each other, without a look at them: they stay encrypted end to end.
 * blind-relay pairs whoever shows the same token, as often and for as long as they like. Here one side has to be known, and
 * connections, requests and bytes are bounded.
 */
export class Forwarder extends ReadyResource {
  /** Found by it on the DHT. Not the device's own: a connection to that replaces the one before. */
  readonly #keyPair = crypto.keyPair()
  readonly #options: ForwarderOptions
  readonly #clock: Clock
  readonly #server: Server
  readonly #guests = new Set<Guest>()
  readonly #first = new Map<string, Guest>()
  readonly #allowance: Allowance
  readonly #refused: Tally
  #listener: DhtServer | null = null
  #timer: NodeJS.Timeout | null = null
  #forwarded = 0

  constructor(options: ForwarderOptions) {
    super()
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#allowance = options.allowance ?? new Allowance(() => this.#clock.monotonic())
    this.#refused = new Tally(options.log ?? nullLogger, 'forwarding refused')
    this.#server = new Server({
      createStream: own => options.dht.createRawStream({ ...own, framed: true })
    })
  }

  get key(): Buffer {
    return this.#keyPair.publicKey
  }

  /** Connections, requests that wait, and bytes that are spent of what is allowed. */
  get used(): { forwarding: number; forwardWaiting: number; forwarded: number } {
    const strangers = [...this.#guests].filter(({ isKnown }) => !isKnown)
    return {
      forwarding: strangers.length,
      forwardWaiting: [...this.#guests].reduce((sum, { waiting }) => sum + waiting.size, 0),
      forwarded: this.#allowance.used
    }
  }

  /** Pairs now, and bytes since the start. */
  get stats(): { pairs: number; bytes: number } {
    return { pairs: this.#pairs.size, bytes: this.#forwarded }
  }

  get #pairs(): Set<Pair> {
    return new Set([...this.#guests].flatMap(({ pairs }) => [...pairs.values()]))
  }

  protected override async _open(): Promise<void> {
    this.#listener = this.#options.dht.createServer({}, stream => this.#accept(stream))
    this.#timer = setInterval(() => this.look(), LOOKS).unref()
    await this.#listener.listen(this.#keyPair)
  }

  protected override async _close(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer)
    for (const guest of this.#guests) this.#end(guest)
    await this.#listener?.close()
    this.#refused.flush()
  }

  #accept(stream: NoiseStream): void {
    stream.on('error', error => {
      if (error instanceof CutOff) this.#refused.count(error.bound, { peer: stream.remotePublicKey })
      stream.destroy()
    })
    guardMux(stream, {
      wrote: buffered => {
        if (buffered > BOUNDS.pending.peer) stream.destroy(new CutOff('BACKLOG', 'it does not read answers'))
      }
    })
    boundFrames(stream, bytes => bytes <= MOST_FRAME)
    const session = this.#server.accept(stream, { id: stream.remotePublicKey })
    const guest: Guest = {
      session,
      device: stream.remotePublicKey,
      address: addressOf(stream.rawStream.remoteHost ?? ''),
      known: this.#options.knows(stream.remotePublicKey).catch(() => false), // who asked is told
      isKnown: false,
      since: this.#clock.monotonic(),
      waiting: new Map(),
      pairs: new Map()
    }
    void guest.known.then(isKnown => {
      guest.isKnown = isKnown
      this.#makeRoom(guest)
    })
    this.#guests.add(guest)
    session.on('error', () => undefined) // of its streams, which end with it
    session.on('close', () => this.#left(guest))
    session.on('pair', (_: boolean, token: Buffer, sent: ForwardedStream) =>
      guest.pairs.get(token.toString('hex'))?.flows.push({ from: guest, stream: sent, counted: 0 })
    )
    const ask = session._pair.onmessage
    session._pair.onmessage = async (request: PairRequest) => {
      await guest.known
      if (this.#guests.has(guest)) this.#onrequest(guest, request.token, () => ask(request))
    }
  }

  /** Strangers without a pair give way, the first ones first. */
  #makeRoom(guest: Guest): void {
    const { peer, address, all } = BOUNDS.forwarding
    const ofPeer = [...this.#guests].filter(({ device }) => device.equals(guest.device))
    if (ofPeer.length > peer) return this.#refuse(guest, 'PLACES', 'too many connections of one device')
    if (guest.isKnown) return
    const strangers = [...this.#guests].filter(({ isKnown }) => !isKnown)
    const near = strangers.filter(each => each.address !== null && each.address === guest.address)
    if (near.length > address) this.#refuse(idlest(near), 'PLACES', 'too many connections of its address')
    else if (strangers.length > all) this.#refuse(idlest(strangers), 'PLACES', 'too many connections')
  }

  /** The first request for a token waits for the second one, of the other side. `ask` passes a request on to blind-relay. */
  #onrequest(guest: Guest, token: Buffer, ask: () => unknown): void {
    const id = token.toString('hex')
    if (!this.#allowance.isLeft(guest)) return this.#refuse(guest, 'FORWARDED', USED_UP)
    const first = this.#first.get(id)
    if (first === guest || guest.pairs.has(id)) return
    if (guest.waiting.size + guest.pairs.size >= MOST_OF_SESSION)
      return this.#refuse(guest, 'WAITING', 'it asks for too many pairs at once')
    if (!first) {
      if (this.#wait(guest, id, token)) ask()
    } else if (guest.isKnown || first.isKnown) {
      this.#pair(first, guest, id, ask)
    } else {
      for (const each of [guest, first]) this.#refuse(each, 'STRANGERS', 'neither side of a pair is known')
    }
  }

  #wait(guest: Guest, id: string, token: Buffer): boolean {
    const { peer, all } = BOUNDS.forwardWaiting
    const { session, waiting } = guest
    const ofPeer = [...this.#guests].filter(({ device }) => device.equals(guest.device))
    const asked = ofPeer.reduce((sum, each) => sum + each.waiting.size, 0)
    const strange = [...this.#guests].filter(each => !each.isKnown && each.waiting.size > 0)
    if (asked >= peer) {
      this.#refuse(guest, 'WAITING', 'it asks for too many pairs at once')
      return false
    }
    if (!guest.isKnown && strange.length >= all)
      this.#refuse(strange[0]!, 'WAITING', 'too many ask for pairs at once')
    const cancel = this.#clock.after(WAITS, () => {
      this.#stopWaiting(guest, id)
      session._unpair.onmessage({ token })
    })
    waiting.set(id, cancel)
    this.#first.set(id, guest)
    return true
  }

  #stopWaiting(guest: Guest, id: string): void {
    guest.waiting.get(id)?.()
    guest.waiting.delete(id)
    if (this.#first.get(id) === guest) this.#first.delete(id)
  }

  /** blind-relay pairs them with the second request, unless both say that they begin. */
  #pair(first: Guest, second: Guest, id: string, ask: () => unknown): void {
    const pair: Pair = { guests: [first, second], flows: [] }
    this.#stopWaiting(first, id)
    for (const guest of pair.guests) guest.pairs.set(id, pair)
    ask()
    if (pair.flows.length < 2) return this.#refuse(second, 'UNPAIRED', 'it asks for a pair with itself')
    pair.flows[0]!.stream.once('close', () => this.#count(pair))
  }

  /** Counts what was forwarded, and ends pairs whose allowance is used up and connections that ask for nothing. */
  look(): void {
    for (const pair of this.#pairs) {
      this.#count(pair)
      if (pair.guests.every(guest => this.#allowance.isLeft(guest))) continue
      for (const guest of pair.guests) this.#refuse(guest, 'FORWARDED', USED_UP)
    }
    const now = this.#clock.monotonic()
    for (const guest of [...this.#guests]) {
      if (guest.waiting.size + guest.pairs.size === 0 && now - guest.since > WAITS) this.#end(guest)
    }
  }

  #count({ flows }: Pair): void {
    for (const flow of flows) {
      const bytes = flow.stream.bytesReceived - flow.counted
      flow.counted += bytes
      this.#forwarded += bytes
      if (bytes > 0) this.#allowance.charge(flow.from, bytes)
    }
  }

  #refuse(guest: Guest, bound: string, why: string): void {
    if (!this.#guests.has(guest)) return
    this.#refused.count(bound, { peer: guest.device })
    this.#end(guest)
    guest.session.stream.destroy(new CutOff(bound, why))
  }

  #end(guest: Guest): void {
    this.#left(guest)
    guest.session.destroy()
    guest.session.stream.destroy()
  }

  /** The other side of each of its pairs goes too: it would forward to nobody. */
  #left(guest: Guest): void {
    if (!this.#guests.delete(guest)) return
    for (const id of [...guest.waiting.keys()]) this.#stopWaiting(guest, id)
    for (const [id, pair] of guest.pairs) {
      this.#count(pair)
      for (const other of pair.guests) {
        if (!other.pairs.delete(id) || other === guest) continue
        if (other.pairs.size === 0) this.#end(other)
      }
    }
  }
}

/** The one that came first of those without a pair, else of all. */
function idlest(guests: readonly Guest[]): Guest {
  return guests.find(({ pairs }) => pairs.size === 0) ?? guests[0]!
}
