/** Work on one thing, one piece after the other; on different things, at the same time. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>()

  /** What is under way. */
  get working(): Promise<unknown>[] {
    return [...this.#last.values()]
  }

  take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve()
    const turn = before.then(work, work).finally(() => {
      if (this.#last.get(key) === turn) this.#last.delete(key)
    })
    this.#last.set(key, turn)
    return turn
  }
}
