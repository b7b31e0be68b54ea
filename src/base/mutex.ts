/**
 * Runs work on the same key one after the other, and work on different keys at the same time. Failed work rejects for its
 * own caller and does not keep the next from running.
 */
export class KeyedMutex {
  readonly #last = new Map<string, Promise<unknown>>()

  /** Running and waiting work, one promise per key; a promise may reject, which its caller handles. */
  get working(): Promise<unknown>[] {
    return [...this.#last.values()]
  }

  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const start = (): Promise<T> => work()
    const before = this.#last.get(key) ?? Promise.resolve()
    const turn = before.then(start, start).finally(() => {
      if (this.#last.get(key) === turn) this.#last.delete(key)
    })
    this.#last.set(key, turn)
    return turn
  }

  /** Resolves when no work is running or waiting. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.allSettled(this.#last.values())
  }
}

/** A KeyedMutex with one key. */
export class Mutex {
  readonly #keyed = new KeyedMutex()

  run<T>(work: () => Promise<T>): Promise<T> {
    return this.#keyed.run('', work)
  }

  idle(): Promise<void> {
    return this.#keyed.idle()
  }
}
