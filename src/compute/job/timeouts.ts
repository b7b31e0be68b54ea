import { PEER_TIMEOUTS } from '../../base/timeouts.js'
import type { PeerTimeouts } from '../../base/timeouts.js'

/** How long the parties of a job wait for each other, in ms. */
export interface JobTimeouts extends PeerTimeouts {
  /** How a job stands, which a provider answers within two seconds; past it the connection is given up for a new one. */
  progress: number
  /** More of a module, input or output that is being fetched. */
  fetch: number
  /** After a payment that failed, before it is tried again; twice as long each time. */
  retry: number
  /** A provider that cannot be reached, or does not answer. */
  silence: number
  /** A job that does not move: neither its state nor its fuel. */
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
