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
