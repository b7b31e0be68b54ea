import type Hypercore from 'hypercore'
import { systemClock } from '../../base/clock.js'
import { RequestWindow } from './request-window.js'

/** Bytes asked for at a time from one peer whose answers take up to 50 ms; hypercore asks for more of farther ones. */
const INFLIGHT_BYTES = 4 << 20
const MIN_INFLIGHT = 16
const MAX_NEAR = 64
const MAX_INFLIGHT = 512
/** Bytes asked for at a time from one peer however far it is: much less than what ends a connection (`mux.ts`). */
const MAX_INFLIGHT_BYTES = 32 << 20

/** What is used of hypercore's side of a peer. */
interface Peer {
  stream: { rawStream?: { udx?: object; rtt?: number } }
  stats: { wireData: { rx: number } }
  getMaxInflight(): number
  getMaxHotswapInflight(): number
}

interface Replicator {
  peers: readonly Peer[]
  setInflightRange(least: number, most: number): void
  _addPeer(peer: Peer): void
}

/** What the only peer is asked for, ms of its link and bytes: with more, its answers come late where the link is slow. */
const ALONE = { beyond: 1000, first: 2 << 20 }

/** Bytes of a block of each replicator that was tuned. */
const tuned = new WeakMap<Replicator, number>()

/**
 * Asks for as many blocks at a time as their size makes sensible: hypercore's own 16 starve a connection where blocks are
 * small (and with many more than 64, each costs more Merkle nodes than it saves). Over a slow link less is asked for: what a
 * peer says meanwhile waits behind all of it. Several peers are asked for less still, each for what its link carries: near
 * the end hypercore asks those that are done for what waits at the others, and all of that is sent twice.
 */
export function tuneRequests(core: Hypercore, blockBytes: number): void {
  const within = (bytes: number): number =>
    Math.max(MIN_INFLIGHT, Math.round(bytes / Math.max(1, blockBytes)))
  const replicator = core.core.replicator as Replicator
  replicator.setInflightRange(
    Math.min(MAX_NEAR, within(INFLIGHT_BYTES)),
    Math.min(MAX_INFLIGHT, within(MAX_INFLIGHT_BYTES))
  )
  const isTuned = tuned.has(replicator)
  tuned.set(replicator, blockBytes)
  if (isTuned) return
  for (const peer of replicator.peers) measure(replicator, peer)
  const add = replicator._addPeer.bind(replicator)
  replicator._addPeer = peer => {
    measure(replicator, peer)
    add(peer)
  }
}

/** From now on the peer is asked for what its link carries. */
function measure(replicator: Replicator, peer: Peer): void {
  const bound = peer.getMaxInflight.bind(peer)
  const hotswaps = peer.getMaxHotswapInflight.bind(peer)
  const begun = systemClock.monotonic()
  const blockBytes = tuned.get(replicator)!
  const shared = new RequestWindow(blockBytes, begun)
  const alone = new RequestWindow(blockBytes, begun, ALONE)
  const before = peer.stats.wireData.rx
  peer.getMaxInflight = () => {
    const { udx, rtt = 0 } = peer.stream.rawStream ?? {}
    if (udx && rtt === 0) return bound() // not known yet; other streams are those within a machine
    const received = peer.stats.wireData.rx - before
    const [few, more] = [shared, alone].map(window => window.blocks(received, systemClock.monotonic(), rtt))
    return Math.min(bound(), replicator.peers.length > 1 ? few! : more!)
  }
  peer.getMaxHotswapInflight = () => Math.min(hotswaps(), peer.getMaxInflight())
}
