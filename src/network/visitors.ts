import type { NoiseStream } from 'hyperdht'
import { addressOf } from '../base/bounds/address.js'
import { BOUNDS, PARTNER_FRAME, PARTNER_UNREAD } from '../base/bounds/bounds.js'
import { systemClock } from '../base/clock.js'
import type { Clock } from '../base/clock.js'
import { CutOff, boundFrames } from './cut-off.js'

/** How long a connection may say nothing at all before it is ended, ms. */
const PROVES_WITHIN = 10_000
/** The same for one that this node dialled and that opened: the peer is there, so another dial may get through, ms. */
const HEARD_WITHIN = 3000
/** A frame may take this long, ms, and a second more for each so many bytes. */
const FRAME_GRACE = 10_000
const FRAME_RATE = 32 * 1024
/** How often slow frames and silent connections are looked for, ms. */
const LOOKS = 1000
/** Unread bytes are counted in such steps. */
const STEP = 64 * 1024
/** The same for messages that are kept. */
const KEPT_STEP = 16 * 1024
/** How long it is believed that a peer is a stranger, ms, before that is looked up again. */
const STANDING_FOR = 1000

/** How far this node is bound to a peer; what the last ones hold gives way first. */
export const STANDING = {
  /** It pays, or this node waits for it or keeps it connected. */
  partner: 0,
  /** It has paid before. */
  customer: 1,
  /** This node found it by a topic and dialled it. */
  dialled: 2,
  stranger: 3
} as const

export type Standing = (typeof STANDING)[keyof typeof STANDING]

/** One connection, with what its peer makes this node hold. */
export class Visitor {
  readonly stream: NoiseStream
  readonly address: string | null
  readonly since: number
  /** Whether anything has come: before, even the address is only claimed. */
  proven = false
  /** Called when the first bytes have come. */
  onproven: () => void = () => undefined
  /** When the last frame came. */
  active: number
  /** Bytes of answers that it has not read. */
  unread = 0
  /** The frame that has begun, with its announced bytes and when it began. */
  frame: { buffer: unknown; bytes: number; since: number } | null = null
  /** Bytes of its messages for channels that are not open yet. */
  pending: () => number = () => 0
  /** Of these, as they were when those of all strangers were last added up. */
  counted = 0
  /** True while this node waits for blocks that it has asked this peer for: they may be large. */
  isAsked: () => boolean = () => false
  readonly #standing: () => Standing
  readonly #clock: Clock
  #known: { standing: Standing; at: number } | null = null

  constructor(stream: NoiseStream, standing: () => Standing, clock: Clock) {
    this.stream = stream
    this.address = addressOf(stream.rawStream.remoteHost ?? '')
    this.#standing = standing
    this.#clock = clock
    this.since = this.active = clock.monotonic()
  }

  /** As it is now, and not a second ago: it may just have paid. */
  get freshStanding(): Standing {
    this.#known = null
    return this.standing
  }

  get standing(): Standing {
    const now = this.#clock.monotonic()
    if (!this.#known || now - this.#known.at > STANDING_FOR)
      this.#known = { standing: this.#standing(), at: now }
    return this.#known.standing
  }

  /** Bytes a second at which its frame has come so far. */
  rate(now: number): number {
    return this.frame ? this.stream._tmp / (now - this.frame.since + 50) : Infinity
  }

  end(bound: string, why: string): void {
    this.stream.destroy(new CutOff(bound, why))
  }
}

/**
 * All connections of a node, and what they hold: places, frames that have begun, answers that were not read. Strangers
 * share a bound for each, and when it is reached one of them goes, so that a new one gets in and who pays is not touched.
 */
export class Visitors {
  readonly #all = new Map<NoiseStream, Visitor>()
  readonly #standingOf: (device: Buffer, dialled: boolean) => Standing
  readonly #clock: Clock
  readonly #timer: NodeJS.Timeout

  constructor(standingOf: (device: Buffer, dialled: boolean) => Standing, clock: Clock = systemClock) {
    this.#standingOf = standingOf
    this.#clock = clock
    this.#timer = setInterval(() => this.look(), LOOKS).unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** Connections of strangers, and what they hold. */
  get used(): { connections: number; unproven: number; frames: number; unread: number; pending: number } {
    const strangers = this.#strangers()
    return {
      connections: strangers.filter(({ proven }) => proven).length,
      unproven: strangers.filter(({ proven }) => !proven).length,
      frames: strangers.reduce((sum, { frame }) => sum + (frame?.bytes ?? 0), 0),
      unread: strangers.reduce((sum, { unread }) => sum + unread, 0),
      pending: strangers.reduce((sum, each) => sum + each.pending(), 0)
    }
  }

  /** Takes a connection in, before any protocol uses it. */
  add(stream: NoiseStream): Visitor {
    const standing = (): Standing => this.#standingOf(stream.remotePublicKey, stream.isInitiator)
    const visitor = new Visitor(stream, standing, this.#clock)
    this.#all.set(stream, visitor)
    stream.once('close', () => this.#all.delete(stream))
    // The stream listens once it is open, and must have read the bytes before they are looked at here.
    void stream.opened.then(open => {
      if (!open || stream.destroying) return
      boundFrames(stream, bytes => bytes <= BOUNDS.frames.peer || bytes <= this.#mostFrame(visitor))
      stream.rawStream.on('data', () => this.#read(visitor))
      this.#read(visitor)
    })
    const unproven = this.#strangers().filter(({ proven }) => !proven)
    if (unproven.length > BOUNDS.unproven.all)
      greatest(unproven, ({ since }) => -since)?.end('UNPROVEN', 'too many connections that say nothing')
    return visitor
  }

  /** Whether anything has come over a connection. */
  isProven(stream: NoiseStream): boolean {
    return this.#all.get(stream)?.proven ?? false
  }

  /** Looks for frames that do not end and connections that say nothing. */
  look(): void {
    const now = this.#clock.monotonic()
    for (const visitor of this.#all.values()) {
      const { frame, proven, since, stream } = visitor
      if (!proven && now - since > (stream.isInitiator ? HEARD_WITHIN : PROVES_WITHIN))
        visitor.end('UNPROVEN', 'it said nothing')
      else if (frame && now - frame.since > FRAME_GRACE + (frame.bytes / FRAME_RATE) * 1000)
        visitor.end('FRAME', 'it began a frame and did not end it')
    }
  }

  /** Something was written for a peer, of which `buffered` bytes in all wait to be read. */
  wrote(visitor: Visitor, buffered: number): void {
    const { peer, all } = BOUNDS.unread
    if (Math.abs(buffered - visitor.unread) < STEP && buffered <= peer) return
    visitor.unread = buffered
    const isPartner = (buffered > peer ? visitor.freshStanding : visitor.standing) <= STANDING.customer
    const most = isPartner ? PARTNER_UNREAD : peer
    if (buffered > most) return visitor.end('BACKLOG', `the peer left ${most} bytes unread`)
    if (isPartner) return
    const strangers = this.#strangers()
    for (const each of strangers) each.unread = each.stream._writableState.buffered
    const end = { bound: 'BACKLOG', why: 'all strangers left too many bytes unread' }
    relieve(strangers, { all, held: ({ unread }) => unread, ...end })
  }

  /** A message for a channel that is not open yet was kept for a peer. */
  kept(visitor: Visitor): void {
    const pending = visitor.pending()
    if (Math.abs(pending - visitor.counted) < KEPT_STEP) return
    visitor.counted = pending
    if (visitor.standing <= STANDING.customer) return
    const end = { bound: 'PENDING', why: 'strangers send too much over channels that are not open' }
    relieve(this.#strangers(), { all: BOUNDS.pending.all, held: each => each.pending(), ...end })
  }

  /** After bytes of a peer were read. */
  #read(visitor: Visitor): void {
    const { stream } = visitor
    const now = this.#clock.monotonic()
    if (!visitor.proven && stream.rawStream.bytesReceived > 0) this.#prove(visitor)
    const begun = stream._state === 1
    const bytes = begun ? stream._len : 0
    const buffer = begun ? stream._message : null
    // A frame comes in hundreds of packets, and what it may have is looked up in the store: once for each frame.
    if (visitor.frame && visitor.frame.buffer === buffer && buffer !== null) return
    if (bytes > BOUNDS.frames.peer && bytes > this.#mostFrame(visitor))
      return visitor.end('FRAME', `a frame of ${bytes} bytes`)
    visitor.active = now
    visitor.frame = begun ? { buffer, bytes, since: now } : null
    if (!begun || visitor.standing <= STANDING.customer) return
    const end = { bound: 'FRAME', why: 'the frames of all strangers hold too much' }
    const held = ({ frame }: Visitor): number => frame?.bytes ?? 0
    relieve(this.#strangers(), { all: BOUNDS.frames.all, held, goes: each => -each.rate(now), ...end })
  }

  #mostFrame(visitor: Visitor): number {
    return visitor.freshStanding <= STANDING.dialled || visitor.isAsked() ? PARTNER_FRAME : BOUNDS.frames.peer
  }

  /** Its address is proven: from here on it has a place among the strangers. */
  #prove(visitor: Visitor): void {
    visitor.proven = true
    visitor.onproven()
    if (visitor.standing < STANDING.dialled) return
    const strangers = this.#strangers().filter(({ proven }) => proven)
    const { address, all } = BOUNDS.connections
    const near = strangers.filter(each => each.address !== null && each.address === visitor.address)
    if (near.length > address) longestIdle(near)?.end('PLACES', 'too many connections of its address')
    else if (strangers.length > all) longestIdle(crowd(strangers))?.end('PLACES', 'too many connections')
  }

  /** Those that hold nothing by right, who came by themselves before those that were dialled. */
  #strangers(): Visitor[] {
    return [...this.#all.values()].filter(({ standing }) => standing >= STANDING.dialled)
  }
}

/** The strangers of the address with the most connections; on this machine alone, all. */
function crowd(strangers: readonly Visitor[]): Visitor[] {
  const came = strangers.filter(({ standing }) => standing === STANDING.stranger)
  const byAddress = new Map<string | null, Visitor[]>()
  for (const each of came.length > 0 ? came : strangers) {
    const near = byAddress.get(each.address)
    if (near) near.push(each)
    else byAddress.set(each.address, [each])
  }
  return greatest([...byAddress.values()], ({ length }) => length) ?? []
}

interface Relief {
  /** Most bytes that strangers may hold together. */
  all: number
  held: (of: Visitor) => number
  /** The one with the most of this goes; by default who holds the most. */
  goes?: (of: Visitor) => number
  bound: string
  why: string
}

/** Ends one connection when strangers together hold more than they may. */
function relieve(strangers: readonly Visitor[], { all, held, goes = held, bound, why }: Relief): void {
  if (strangers.reduce((sum, each) => sum + held(each), 0) > all) greatest(strangers, goes)?.end(bound, why)
}

function longestIdle(visitors: readonly Visitor[]): Visitor | null {
  return greatest(visitors, ({ active }) => -active)
}

/** The first one of the greatest measure; null of none. */
function greatest<T>(of: readonly T[], measure: (one: T) => number): T | null {
  let [found, most]: [T | null, number] = [null, -Infinity]
  for (const one of of) {
    const measured = measure(one)
    if (measured > most || found === null) [found, most] = [one, measured]
  }
  return found
}
