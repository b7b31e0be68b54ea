import type { Duplex } from 'node:stream'
import type Hypercore from 'hypercore'
import Protomux from 'protomux'

/**
 * Replicates one core over a connection, in both directions, as far as the core's sessions want and have blocks. Whoever
 * does not know the core's key cannot open the channel.
 */
export function attachCore(core: Hypercore, stream: Duplex): void {
  core.replicate(stream)
}

/** Bytes asked for at a time from one peer whose answers take up to 50 ms; hypercore asks for more of farther ones. */
const INFLIGHT_BYTES = 4 << 20
const MIN_INFLIGHT = 16
const MAX_NEAR = 64
const MAX_INFLIGHT = 512

/**
 * Asks for as many blocks at a time as their size makes sensible: hypercore's own 16 starve a connection where blocks are
 * small (and with many more than 64, each costs more Merkle nodes than it saves).
 */
export function tuneRequests(core: Hypercore, blockBytes: number): void {
  const blocks = Math.round(INFLIGHT_BYTES / Math.max(1, blockBytes))
  core.core.replicator.setInflightRange(Math.max(MIN_INFLIGHT, Math.min(MAX_NEAR, blocks)), MAX_INFLIGHT)
}

/** Ends the replication of one core over one connection, which stays up; without one, over all. */
export function detachCore(core: Hypercore, stream?: Duplex): void {
  const { replicator } = core.core
  const mux = stream && Protomux.from(stream)
  for (const peer of [...replicator.peers]) {
    if (mux && peer.protomux !== mux) continue
    peer.channel.close()
  }
  for (const attached of [...replicator._attached]) {
    if (!mux || attached === mux) replicator.detachFrom(attached)
  }
}
