import { types } from 'node:util'
import { wire } from 'hypercore/lib/messages.js'
import type { Channel, ChannelOptions, MessageOptions } from 'protomux'
import { PAGE, Refusal } from './hypercore-bounds.js'
import * as bounds from './hypercore-bounds.js'
import { handledBy } from '../base/handled.js'
import { MESSAGES, peerOf } from './hypercore-wire.js'
import type { Messages, Range, Span, WirePeer } from './hypercore-wire.js'
import type { Announced, Announcements } from './announcements.js'

const handled = handledBy('hypercore')

/** The protocol of hypercore's channels. */
export const HYPERCORE = 'hypercore/alpha'

/** Cost in pages of a message that walks none, and of one that sets a single bit. */
const MESSAGE = 1 / 64
const SINGLE = 1 / 256

/** Most higher forks of a core claimed on one connection, and by all peers. */
const FORKS = 16
const ALL_FORKS = 64

/** Most unrequested blocks that are passed on: proofs of a conflict. */
const UNASKED = 4

/**
 * Wraps the options of a hypercore channel so that every message is checked before hypercore sees it: hypercore walks and
 * allocates as much as a peer's numbers say. A message out of bounds throws, which ends that peer's connection; so does
 * any error that hypercore throws.
 */
export function guardCore(
  options: ChannelOptions,
  announcements: Announcements,
  mayRead: (core: object) => boolean = () => true
): ChannelOptions {
  const given = options.messages ?? []
  if (given.length !== MESSAGES.length || MESSAGES.some((name, i) => given[i]!.encoding !== wire[name])) {
    throw new Error("hypercore's messages are not the ones this guard knows: the version differs")
  }
  const core = announcements.open()
  const guard = new CoreGuard(core, announcements, mayRead)
  const messages = MESSAGES.map((name, i) => guardMessage(given[i]!, guard, name))
  return {
    ...options,
    messages,
    onopen: handled(options.onopen),
    ondrain: handled(options.ondrain),
    onclose: (...of) => {
      announcements.close(core)
      return handled(options.onclose)?.(...of)
    }
  }
}

function guardMessage(
  { encoding, onmessage }: MessageOptions,
  guard: CoreGuard,
  name: keyof Messages
): MessageOptions {
  const decode = encoding.decode.bind(encoding) as (state: object) => unknown
  const check = guard[name].bind(guard) as (message: unknown, channel: Channel, pass: Pass) => unknown
  const pass = handled(onmessage)
  return {
    encoding: { ...encoding, decode: handled(decode) },
    onmessage: (message, channel) => check(message, channel, pass)
  }
}

type Pass = (message: unknown, channel: Channel) => unknown

/** The checks of one channel, each named after its message. */
class CoreGuard {
  readonly #core: Announced
  readonly #all: Announcements
  readonly #mayRead: (core: object) => boolean
  readonly #forks = new Set<number>()
  /** Our requests whose data waits for verification. Hypercore reuses a request's number as soon as its data has come. */
  readonly #answered = new WeakSet<object>()
  #unasked = 0

  constructor(core: Announced, all: Announcements, mayRead: (core: object) => boolean) {
    this.#core = core
    this.#mayRead = mayRead
    this.#all = all
  }

  sync(message: Messages['sync'], channel: Channel, pass: Pass): unknown {
    const peer = this.#peer(channel)
    bounds.checkSync(peer.core, message)
    this.#fork(peer, message.fork)
    this.#all.walk(MESSAGE)
    return pass(message, channel)
  }

  request(message: Messages['request'], channel: Channel, pass: Pass): unknown {
    const { core } = this.#peer(channel)
    bounds.checkRequest(core, message)
    const reads = message.block !== null || message.hash !== null || message.seek !== null
    if (reads && !this.#mayRead(core)) return this.#all.walk(MESSAGE)
    this.#all.work(this.#core)
    return after(pass(message, channel), () => this.#core.working--)
  }

  cancel(message: Messages['cancel'], channel: Channel, pass: Pass): unknown {
    return pass(message, channel)
  }

  /** Drops late data of cancelled requests, which hypercore would queue without a bound. */
  data(message: Messages['data'], channel: Channel, pass: Pass): unknown {
    const peer = this.#peer(channel)
    const { request } = message
    bounds.checkData(peer.core, message)
    this.#fork(peer, message.fork)
    if (request === 0) {
      if (++this.#unasked > UNASKED) throw new Refusal('it sent data that was not requested')
      return after(pass(message, channel), () => this.#unasked--)
    }
    const asked = peer.replicator._inflight.get(request)
    if (asked?.peer !== peer) return undefined
    if (this.#answered.has(asked)) throw new Refusal('it answered one request twice')
    this.#answered.add(asked)
    return pass(message, channel)
  }

  noData(message: Messages['noData'], channel: Channel, pass: Pass): unknown {
    this.#all.walk(MESSAGE)
    return pass(message, channel)
  }

  /** Hypercore answers with the bits of the blocks that it has. */
  want(message: Messages['want'], channel: Channel, pass: Pass): unknown {
    const { core } = this.#peer(channel)
    bounds.checkWant(core, message)
    const blocks = Math.min(message.length, Math.max(0, core.state.length - message.start))
    this.#all.walk(MESSAGE * (1 + blocks / PAGE))
    return pass(message, channel)
  }

  unwant(message: Span, channel: Channel, pass: Pass): unknown {
    bounds.checkWant(this.#peer(channel).core, message)
    return pass(message, channel)
  }

  bitfield(message: Messages['bitfield'], channel: Channel, pass: Pass): unknown {
    const peer = this.#peer(channel)
    const { start, bitfield } = message
    bounds.checkBitfield(peer.core, start, bitfield.byteLength)
    const blocks = bitfield.byteLength * 8
    this.#all.walk(MESSAGE + Math.ceil(blocks / PAGE) + this.#swept(peer, start + blocks))
    this.#all.announce(this.#core, start, start + blocks)
    return pass(message, channel)
  }

  range(message: Messages['range'], channel: Channel, pass: Pass): unknown {
    this.#range(this.#peer(channel), message)
    return pass(message, channel)
  }

  /**
   * Not passed on: the only extension is Hyperbee's, whose hints make the other side download without a bound. Stores of
   * encrypted cores cannot give hints, and a market's view is read without them.
   */
  extension({ name }: Messages['extension']): void {
    bounds.checkExtension(name)
    this.#all.walk(MESSAGE)
  }

  #range(peer: WirePeer, { drop, start, length }: Range): void {
    if (start === 0 && !drop) {
      bounds.checkClaim(peer.core, length) // hypercore keeps only the number
      return this.#all.walk(MESSAGE)
    }
    if (drop) {
      bounds.checkWant(peer.core, { start, length })
      return this.#all.walk(length === 1 ? SINGLE : MESSAGE + Math.min(length / PAGE, this.#core.size))
    }
    bounds.checkAnnounced(peer.core, start, length)
    const walked = length === 1 ? SINGLE : MESSAGE + length / PAGE + this.#swept(peer, start + length)
    this.#all.walk(walked)
    this.#all.announce(this.#core, start, start + length)
  }

  /** Pages that hypercore walks again for blocks that it already has, up to their end. */
  #swept(peer: WirePeer, end: number): number {
    const here = peer.core.header.hints.contiguousLength
    return end < here ? Math.min(here / PAGE, this.#core.size) / 2 : 0
  }

  /** Bounds the forks that a peer claims: hypercore keeps them all and walks them for every claim. */
  #fork(peer: WirePeer, fork: number): void {
    const { core, replicator } = peer
    if (fork <= core.state.fork || this.#forks.has(fork)) return
    for (const known of this.#forks) if (known <= core.state.fork) this.#forks.delete(known)
    if (this.#forks.size >= FORKS) throw new Refusal('it claims too many forks')
    if (replicator._reorgs.length >= ALL_FORKS) {
      // Drops the forks of disconnected peers.
      replicator._reorgs = replicator._reorgs.filter(each => each.batch || each.inflight.length > 0)
      if (replicator._reorgs.length >= ALL_FORKS) throw new Refusal('all peers together claim too many forks')
    }
    this.#forks.add(fork)
  }

  #peer(channel: Channel): WirePeer {
    this.#core.channel = channel
    const peer = peerOf(channel)
    tame(peer)
    return peer
  }
}

const tamed = new WeakSet()

/**
 * Hypercore catches its errors about a peer's proof, but rethrows a TypeError where it ends the process, and a hostile
 * proof can cause one.
 */
function tame({ core, replicator }: WirePeer): void {
  if (tamed.has(core)) return
  tamed.add(core)
  core.verify = handled(core.verify.bind(core))
  core.checkConflict = handled(core.checkConflict.bind(core))
  replicator._onreorgdata = handled(replicator._onreorgdata.bind(replicator))
}

function after(result: unknown, then: () => void): unknown {
  if (types.isPromise(result)) return result.finally(then)
  then()
  return result
}
