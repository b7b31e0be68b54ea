/**
 * Buyer: AGREED (signed by us), BOUND (by both), RUNNING (the base is paid), COMMITTED, REVEALED, DONE. Provider: AGREED,
 * QUEUED (the base is paid: it is fetched and run, from the start after every restart), COMMITTED, REVEALED, PAID, DONE (the
 * output was fetched, or kept for long enough). Either: VOID, an agreement whose base was never paid; FAILED and ENDED, one that was left before its result was paid.
 */
export type JobState =
  | 'AGREED'
  | 'BOUND'
  | 'QUEUED'
  | 'RUNNING'
  | 'COMMITTED'
  | 'REVEALED'
  | 'DONE'
  | 'PAID'
  | 'FAILED'
  | 'ENDED'
  | 'VOID'
