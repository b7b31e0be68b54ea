import { PEER_TIMEOUTS } from '../../base/timeouts.js'
import type { PeerTimeouts } from '../../base/timeouts.js'

/** How long the parties of a job wait for each other, ms. */
export interface JobTimeouts extends PeerTimeouts {
  /** The answer to a progress request; a provider answers within two seconds. After that a new connection is made. */
  progress: number
  /** The next block of a module, input or output. */
  fetch: number
  /** Pause before the first retry of a failed payment; doubles each time. */
  retry: number
  /** A provider that cannot be reached or does not answer. */
  silence: number
  /** A job whose state and fuel do not change. */
  stall: number
}

export const JOB_TIMEOUTS: JobTimeouts = {
  ...PEER_TIMEOUTS,
  progress: 8000,
  fetch: 60_000,
  retry: 500,
  silence: 120_000,
  stall: 15 * 60_000
}
