import type { NoiseStream } from 'hyperdht'
import { KIB } from '../../../contracts/money/quantity.js'
import { systemClock } from '../clock.js'
import type { Clock } from '../clock.js'
import { Poller } from '../poller.js'

/**
 * How long a peer that owes answers may send nothing while another one has the core too, ms; twice as long each time that
 * nobody who is left has answered.
 */
const ANSWERS_IN = 2000
const LONGEST_PATIENCE = 32_000
/** The same for the new end of a core, which one peer at a time is asked for: a few bytes, without which nothing begins. */
const END_IN = 700
const LOOK_EVERY = 250
/** A look this late means that this machine was busy or asleep, ms. */
const BUSY = 8 * LOOK_EVERY
/** A peer is slow but honest at this rate, bytes a second; below half of it, it only pretends to answer. */
const SLOW_RATE = 16 * KIB
/** The rate is measured over the time that two blocks take at the slow rate, within these bounds, ms. */
const MIN_WINDOW = 10_000
const MAX_WINDOW = 60_000
/** An answer counts as so many bytes at least. */
const MIN_ANSWER = KIB
/** Frames shorter than this are no part of a block that is under way. */
const MIN_FRAME = 4 * KIB
/** How long a core is not replicated with a peer that left a request unanswered, ms; twice as long each further time. */
const PAUSE = 60_000
const MOST_DOUBLINGS = 4
/** A peer that opens the core again meanwhile so often loses its connection. */
const MOST_REOPENED = 32

interface ReplicatingPeer {
  stream: NoiseStream
  protomux: object
  channel: { close(): void }
  stats: { wireData: { rx: number } }
  /** True while an answer of it waits for this node. */
  receiverBusy: boolean
  dataProcessing: number
  /** It is asked for nothing. */
  paused: boolean
  _remoteHasBlock(index: number): boolean
}

interface Request {
  peer: ReplicatingPeer
  block: { index: number } | null
}

/** The inner core of a Hypercore's sessions: `core.core`. */
export interface ReplicatedCore {
  state: { length: number; byteLength: number } | null
  replicator: {
    peers: readonly ReplicatingPeer[]
    _inflight: Iterable<Request>
    attachTo(mux: object): void
    detachFrom(mux: object): void
    updatePeer(peer: ReplicatingPeer): void
  } | null
}

type OpenCore = { [K in keyof ReplicatedCore]: NonNullable<ReplicatedCore[K]> }

/** What has come from a peer since it owes answers. */
interface Account {
  heard: number
  answers: number
  bytes: number
  /** Begin of the window in which its rate is measured, and the answers by then. */
  from: number
  before: number
}

interface Pause {
  until: number
  mux: object
  reopened: number
}

/** Cores that are not replicated with some peers for a while. */
const paused = new WeakMap<object, Map<unknown, Pause>>()

/** From now on the core is not replicated again with the peer on this connection, or any, when a pause is over. */
export function forgetPauses(core: object, stream?: unknown): void {
  if (stream) paused.get(core)?.delete(stream)
  else paused.delete(core)
}

export interface SilentPeersOptions {
  cores: () => Iterable<ReplicatedCore>
  /** Called when a core is no longer replicated with a peer for a while. */
  onsilent?: (device: Buffer) => void
  onfault: (error: unknown) => void
  clock?: Clock
}

/**
 * Takes the requests for blocks from peers that announce blocks and do not give them, or next to none, while others have
 * them too. Hypercore sends the request for the new end of a core to one peer, asks a second one for a block only when
 * that one happens to answer something, and waits for ever: one stranger could keep this node from everything.
 */
export class SilentPeers {
  readonly #options: SilentPeersOptions
  readonly #clock: Clock
  readonly #poller: Poller
  readonly #asked = new WeakMap<Request, number>()
  readonly #accounts = new WeakMap<ReplicatingPeer, Account>()
  readonly #pauses = new WeakMap<NoiseStream, number>()
  readonly #patience = new WeakMap<OpenCore, number>()
  /** Those that have had pauses. */
  readonly #watched = new Set<OpenCore>()
  #gaps: number
  #looked: number

  constructor(options: SilentPeersOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#gaps = this.#clock.gaps()
    this.#looked = this.#clock.monotonic()
    this.#poller = new Poller({
      look: () => this.#look(),
      interval: LOOK_EVERY,
      onerror: options.onfault,
      clock: this.#clock
    })
    void this.#poller.start(LOOK_EVERY)
  }

  /** The cores replicate with all their peers again. */
  async close(): Promise<void> {
    await this.#poller.close()
    for (const core of this.#watched) {
      this.#release(core)
      this.#resume(core, -Infinity)
    }
  }

  #look(): void {
    const now = this.#clock.monotonic()
    // After a sleep of this machine, or when it was too busy to look, every wait begins anew.
    const isFresh = this.#gaps !== this.#clock.gaps() || now - this.#looked > BUSY
    this.#gaps = this.#clock.gaps()
    this.#looked = now
    for (const core of this.#options.cores()) if (isOpen(core)) this.#lookAt(core, now, isFresh)
    for (const core of this.#watched) this.#resume(core, now)
  }

  #lookAt(core: OpenCore, now: number, isFresh: boolean): void {
    this.#keepPaused(core, now)
    const requests = this.#requests(core, now, isFresh)
    const late = [...requests].filter(([peer, owed]) => this.#isLate(core, peer, owed, now, isFresh))
    const left = new Set(core.replicator.peers)
    for (const [peer, { requests: owed }] of late) {
      left.delete(peer)
      if ([...left].some(other => owed.some(request => mayServe(other, request)))) {
        this.#pause(core, peer, now)
      } else {
        left.add(peer)
        // Nobody else is left: those that were slow before have another turn, and more time.
        this.#release(core)
        this.#patience.set(core, Math.min(LONGEST_PATIENCE, 2 * this.#patienceWith(core)))
        break
      }
    }
    // Hypercore asks a second peer for a block only when that peer has just sent something.
    if ([...requests.values()].some(({ since }) => now - since >= ANSWERS_IN)) {
      for (const peer of [...core.replicator.peers]) if (!requests.has(peer)) core.replicator.updatePeer(peer)
    }
  }

  /** The requests that wait for an answer, by peer, and the time of the oldest. */
  #requests(core: OpenCore, now: number, isFresh: boolean): Map<ReplicatingPeer, Owed> {
    const owed = new Map<ReplicatingPeer, Owed>()
    for (const request of core.replicator._inflight) {
      const { peer } = request
      const asked = isFresh ? now : (this.#asked.get(request) ?? now)
      this.#asked.set(request, asked)
      const known = owed.get(peer) ?? { since: asked, requests: [] }
      owed.set(peer, known)
      known.since = Math.min(known.since, asked)
      known.requests.push(request)
    }
    for (const peer of core.replicator.peers) if (!owed.has(peer)) this.#accounts.delete(peer)
    return owed
  }

  /** Whether the peer has sent nothing for too long, or far less than a slow but honest peer would. */
  #isLate(core: OpenCore, peer: ReplicatingPeer, owed: Owed, now: number, isFresh: boolean): boolean {
    const answers = peer.stats.wireData.rx
    const account = this.#accounts.get(peer)
    if (!account || isFresh) {
      const bytes = bytesUnderWay(peer.stream)
      this.#accounts.set(peer, { heard: now, answers, bytes, from: now, before: answers })
      return false
    }
    const bytes = bytesUnderWay(peer.stream) || account.bytes
    const waitsForUs = peer.receiverBusy || peer.dataProcessing > 0
    if (answers !== account.answers) this.#patience.delete(core)
    if (answers !== account.answers || bytes !== account.bytes || waitsForUs) account.heard = now
    account.answers = answers
    account.bytes = bytes
    const blocks = owed.requests.some(({ block }) => block !== null)
    if (now - Math.max(account.heard, owed.since) >= this.#patienceWith(core, blocks)) return true
    const blockBytes = blockBytesOf(core)
    const slow = blocks ? (2 * blockBytes * 1000) / SLOW_RATE : 0
    const window = Math.min(MAX_WINDOW, Math.max(MIN_WINDOW, slow))
    if (now - account.from < window) return false
    const rate = ((answers - account.before) * Math.max(MIN_ANSWER, blockBytes) * 1000) / (now - account.from)
    account.from = now
    account.before = answers
    return now - owed.since >= window && rate < SLOW_RATE / 2
  }

  #patienceWith(core: OpenCore, blocks = true): number {
    const patience = this.#patience.get(core) ?? ANSWERS_IN
    return blocks ? patience : (patience * END_IN) / ANSWERS_IN
  }

  #pause(core: OpenCore, { stream, protomux, channel }: ReplicatingPeer, now: number): void {
    const pauses = paused.get(core) ?? new Map<unknown, Pause>()
    paused.set(core, pauses)
    this.#watched.add(core)
    const times = this.#pauses.get(stream) ?? 0
    this.#pauses.set(stream, times + 1)
    const until = now + PAUSE * 2 ** Math.min(times, MOST_DOUBLINGS)
    pauses.set(stream, { until, mux: protomux, reopened: 0 })
    core.replicator.detachFrom(protomux)
    channel.close()
    this.#options.onsilent?.(stream.remotePublicKey)
  }

  /** Closes the core again where a peer has opened it before its pause was over. */
  #keepPaused(core: OpenCore, now: number): void {
    const pauses = paused.get(core)
    if (!pauses) return
    for (const peer of [...core.replicator.peers]) {
      const pause = pauses.get(peer.stream)
      if (!pause || pause.until <= now) continue
      core.replicator.detachFrom(peer.protomux)
      peer.channel.close()
      if (++pause.reopened >= MOST_REOPENED) peer.stream.destroy()
    }
  }

  #release(core: OpenCore): void {
    for (const pause of paused.get(core)?.values() ?? []) pause.until = -Infinity
  }

  #resume(core: OpenCore, now: number): void {
    const pauses = paused.get(core)
    for (const [stream, { until, mux }] of pauses ?? []) {
      const { destroyed } = stream as NoiseStream
      if (until > now && !destroyed) continue
      pauses!.delete(stream)
      if (!destroyed) core.replicator.attachTo(mux)
    }
    if (pauses?.size) return
    paused.delete(core)
    this.#watched.delete(core)
  }
}

interface Owed {
  since: number
  requests: Request[]
}

function isOpen(core: ReplicatedCore): core is OpenCore {
  return core.replicator !== null && core.state !== null
}

/** Whoever has the core may have its new end. */
function mayServe(peer: ReplicatingPeer, { block }: Request): boolean {
  return block === null || peer._remoteHasBlock(block.index)
}

/** A number that grows while a long frame comes in; 0 when none does. */
function bytesUnderWay({ _state, _len, _tmp, rawBytesRead }: NoiseStream): number {
  return _state === 1 && _len >= MIN_FRAME ? rawBytesRead + _tmp : 0
}

function blockBytesOf({ state: { length, byteLength } }: OpenCore): number {
  return length === 0 ? 0 : byteLength / length
}
