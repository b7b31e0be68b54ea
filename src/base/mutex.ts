/**
 * Runs work on one key one piece after the other, and work on different keys at the same time. A piece that fails rejects
 * for its own caller, and never keeps the next one from running.
 */
export class KeyedMutex {
  readonly #last = new Map<string, Promise<unknown>>()

  /** What is under way or waits, one promise a key; each may reject, as its caller has heard. */
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

  /** Resolves when nothing is under way, whatever it came to. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.allSettled(this.#last.values())
  }
}

/** The same for work that all shares one key. */
export class Mutex {
  readonly #keyed = new KeyedMutex()

  run<T>(work: () => Promise<T>): Promise<T> {
    return this.#keyed.run('', work)
  }

  idle(): Promise<void> {
    return this.#keyed.idle()
  }
}
