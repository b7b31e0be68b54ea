import type { Duplex } from 'node:stream'
import type Hypercore from 'hypercore'

interface RemoteBitfield {
  _maxSegments: number
  _segments: { get(index: number): { pages: unknown[] } | undefined }
}

interface Peer {
  stream: Duplex
  remoteBitfield: RemoteBitfield
  missingBlocks: RemoteBitfield
}

/** The bitfield pages that hypercore keeps for the peer at the other end. */
export function pagesOf(core: Hypercore, stream: Duplex): number {
  const peers = core.core.replicator.peers as Peer[]
  let pages = 0
  for (const { remoteBitfield, missingBlocks } of peers.filter(peer => peer.stream === stream)) {
    for (const { _segments, _maxSegments } of [remoteBitfield, missingBlocks]) {
      for (let i = 0; i < _maxSegments; i++) pages += _segments.get(i)?.pages.filter(Boolean).length ?? 0
    }
  }
  return pages
}
