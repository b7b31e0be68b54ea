/** Faults that a provider is remembered for. */
export const BLAMED: ReadonlySet<string> = new Set([
  'BAD_PEER',
  'BAD_ANSWER',
  'INVOICE_REFUSED',
  'MALFORMED',
  'STALLED',
  'FALSE_KEY',
  'WRONG_OUTPUT'
])

/** What a provider is remembered for when it was paid by then: it went away, or gave up, with a job half done. */
export const BLAMED_WHEN_PAID: ReadonlySet<string> = new Set(['LATE', 'JOB_FAILED'])

/** Faults that what the provider has signed may prove to others. */
export const PROVABLE: ReadonlySet<string> = new Set(['BAD_PEER', 'FALSE_KEY', 'WRONG_OUTPUT'])

/** What no other provider would mend. */
export const OURS: ReadonlySet<string> = new Set([
  'BAD_INPUT',
  'NO_BALANCE',
  'OVER_LIMIT',
  'JOURNAL_FAILED',
  'DISK_FULL',
  'CLOSED',
  'WALLET_FAILED',
  'WALLET_GONE',
  'WALLET_CLOSED',
  'WALLET_SYNCING',
  'WALLET_TIMEOUT',
  'WALLET_UNREACHABLE'
])
