import { PEER_TIMEOUTS } from '../../base/timeouts.js'
import type { PeerTimeouts } from '../../base/timeouts.js'

/** How long a node waits for a provider, in ms; past it, the provider counts as silent and the next one is asked. */
export interface Timeouts extends PeerTimeouts {
  /** A quote. */
  quote: number
  /** The receipt for an upload, which the provider writes to disk first. */
  seal: number
  audit: number
  /** An upload that does not move. */
  upload: number
  /** Our own Lightning node, while it is away. */
  wallet: number
  /** More of a drive that is being restored, from whoever has it. */
  restore: number
}

export const TIMEOUTS: Timeouts = {
  ...PEER_TIMEOUTS,
  quote: 10_000,
  seal: 60_000,
  audit: 30_000,
  upload: 90_000,
  wallet: 60_000,
  restore: 120_000
}
