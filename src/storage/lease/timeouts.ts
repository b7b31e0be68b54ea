import { PEER_TIMEOUTS } from '../../base/timeouts.js'
import type { PeerTimeouts } from '../../base/timeouts.js'

/** How long a buyer waits for a provider, ms; after that the provider counts as silent and the next one is asked. */
export interface Timeouts extends PeerTimeouts {
  /** The answer to a request for a quote. */
  quote: number
  /** The receipt for an upload, which the provider writes to disk first. */
  seal: number
  audit: number
  /** An upload without progress. */
  upload: number
  /** Our own Lightning node while it does not answer. */
  wallet: number
  /** The next block of a drive that is being restored. */
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
