/** The part of a log whose reading is begun anew. */
export interface ReadLog {
  /** What the log has written of its writers; another object once it has skipped ahead, null meanwhile. */
  readonly system: unknown
  readonly closing: unknown
  /** Resolves when the log has skipped ahead, if it was about to. */
  update(): Promise<void>
}

/** Most times that one read is begun. */
const MOST_TRIES = 8

/**
 * Reads from a log. One that skips ahead closes the sessions of what it had, and a read from them fails with
 * SESSION_CLOSED: then it is done again from what the log has now. Rejects as `read` does.
 */
export async function readFrom<T>(log: ReadLog, read: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    const before = log.system
    try {
      return await read()
    } catch (error) {
      const isClosed = (error as { code?: string }).code === 'SESSION_CLOSED'
      if (!isClosed || log.closing || tries === MOST_TRIES) throw error
      await log.update()
      if (log.system === before) throw error
    }
  }
}
