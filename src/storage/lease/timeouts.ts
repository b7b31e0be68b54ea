/** How long a node waits for a provider, in ms; past it, the provider counts as silent and the next one is asked. */
export interface Timeouts {
  /** A connection and its hello. */
  connect: number
  /** A quote. */
  quote: number
  /** Any other short answer. */
  answer: number
  /** The receipt for an upload, which the provider writes to disk first. */
  seal: number
  audit: number
  /** An upload that does not move. */
  upload: number
  /** A way to pay: a Lightning connection and, the first time, a channel. */
  reach: number
  /** What becomes of a payment that was sent. */
  payment: number
  /** Our own Lightning node, while it is away. */
  wallet: number
  /** More of a drive that is being restored, from whoever has it. */
  restore: number
}

export const TIMEOUTS: Timeouts = {
  connect: 10_000,
  quote: 10_000,
  answer: 20_000,
  seal: 60_000,
  audit: 30_000,
  upload: 90_000,
  reach: 30_000,
  payment: 60_000,
  wallet: 60_000,
  restore: 120_000
}
