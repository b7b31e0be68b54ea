import type Corestore from 'corestore'
import type { NoiseStream } from 'hyperdht'
import { systemClock } from '../../base/clock.js'
import type { Clock } from '../../base/clock.js'
import { Poller } from '../../base/poller.js'

/** How long a peer may leave a request unanswered while another one has the core too, ms. */
const ANSWERS_IN = 2000
const LOOK_EVERY = 500
/** How long a core is not replicated with a peer that left a request unanswered, ms. */
const PAUSE = 60_000
/** A peer that opens the core again meanwhile so often loses its connection. */
const MOST_REOPENED = 32

interface ReplicatingPeer {
  stream: NoiseStream
  protomux: object
  channel: { close(): void }
  stats: { wireData: { rx: number } }
}

interface ReplicatedCore {
  replicator: {
    peers: readonly ReplicatingPeer[]
    _inflight: Iterable<{ peer: ReplicatingPeer }>
    attachTo(mux: object): void
    detachFrom(mux: object): void
  }
}

interface Waiting {
  since: number
  /** Messages of data that the peer had sent at that time. */
  received: number
}

interface Pause {
  until: number
  mux: object
  reopened: number
}

export interface SilentPeersOptions {
  store: Corestore
  /** Called when a core is no longer replicated with a peer for a while. */
  onsilent: (device: Buffer) => void
  onfault: (error: unknown) => void
  clock?: Clock
}

/**
 * Takes the requests for blocks of a market from peers that announce blocks and do not give them. Hypercore sends the
 * request for the new end of a core to one peer, and waits for its answer for ever: one stranger could keep a reader from
 * everything new.
 */
export class SilentPeers {
  readonly #options: SilentPeersOptions
  readonly #clock: Clock
  readonly #poller: Poller
  readonly #waiting = new WeakMap<object, Waiting>()
  readonly #paused = new Map<ReplicatedCore, Map<NoiseStream, Pause>>()
  #gaps: number

  constructor(options: SilentPeersOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#gaps = this.#clock.gaps()
    this.#poller = new Poller({
      look: () => this.#look(),
      interval: LOOK_EVERY,
      onerror: options.onfault,
      clock: this.#clock
    })
    void this.#poller.start(LOOK_EVERY)
  }

  async close(): Promise<void> {
    await this.#poller.close()
    this.#paused.clear()
  }

  #look(): void {
    const now = this.#clock.monotonic()
    // After a sleep of this machine every wait begins anew.
    const slept = this.#gaps !== this.#clock.gaps()
    this.#gaps = this.#clock.gaps()
    for (const core of this.#options.store.cores.map.values() as Iterable<ReplicatedCore>) {
      if (!core.replicator) continue
      this.#keepPaused(core, now)
      let { length: others } = core.replicator.peers
      for (const peer of this.#silent(core, now, slept)) {
        if (--others === 0) {
          // Nobody else is left: those that were slow before have another turn.
          for (const pause of this.#paused.get(core)?.values() ?? []) pause.until = now
          break
        }
        this.#pause(core, peer, now)
      }
    }
    for (const core of this.#paused.keys()) this.#resume(core, now)
  }

  #silent({ replicator }: ReplicatedCore, now: number, slept: boolean): Set<ReplicatingPeer> {
    const silent = new Set<ReplicatingPeer>()
    for (const request of replicator._inflight) {
      const { peer } = request
      const received = peer.stats.wireData.rx
      const waiting = this.#waiting.get(request)
      if (!waiting || slept || waiting.received !== received)
        this.#waiting.set(request, { since: now, received })
      else if (now - waiting.since >= ANSWERS_IN) silent.add(peer)
    }
    return silent
  }

  #pause(core: ReplicatedCore, { stream, protomux, channel }: ReplicatingPeer, now: number): void {
    const paused = this.#paused.get(core) ?? new Map<NoiseStream, Pause>()
    this.#paused.set(core, paused)
    paused.set(stream, { until: now + PAUSE, mux: protomux, reopened: 0 })
    core.replicator.detachFrom(protomux)
    channel.close()
    this.#options.onsilent(stream.remotePublicKey)
  }

  /** Closes the core again where a peer has opened it before its pause was over. */
  #keepPaused(core: ReplicatedCore, now: number): void {
    const paused = this.#paused.get(core)
    if (!paused) return
    for (const peer of [...core.replicator.peers]) {
      const pause = paused.get(peer.stream)
      if (!pause || pause.until <= now) continue
      core.replicator.detachFrom(peer.protomux)
      peer.channel.close()
      if (++pause.reopened >= MOST_REOPENED) peer.stream.destroy()
    }
  }

  #resume(core: ReplicatedCore, now: number): void {
    const paused = this.#paused.get(core)!
    for (const [stream, { until, mux }] of paused) {
      if (until > now && !stream.destroyed) continue
      paused.delete(stream)
      if (!stream.destroyed) core.replicator.attachTo(mux)
    }
    if (paused.size === 0) this.#paused.delete(core)
  }
}
