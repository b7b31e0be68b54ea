/** Orders in one block of a writer at most. */
const MOST_IN_A_BLOCK = 48

/** Gathers accepted records into few appends: those that come while one is being written go out together with the next. */
export class Outbox {
  readonly #append: (orders: Buffer[]) => Promise<void>
  #waiting: { order: Buffer; done: () => void; failed: (error: unknown) => void }[] = []
  #writing = false

  constructor(append: (orders: Buffer[]) => Promise<void>) {
    this.#append = append
  }

  /** Resolves when the record is on disk and applied. */
  async put(order: Buffer): Promise<void> {
    await new Promise<void>((done, failed) => {
      this.#waiting.push({ order, done, failed })
      if (!this.#writing) void this.#write()
    })
  }

  async #write(): Promise<void> {
    this.#writing = true
    await null // whatever arrives in this turn goes along
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MOST_IN_A_BLOCK)
      try {
        await this.#append(batch.map(({ order }) => order))
        for (const { done } of batch) done()
      } catch (error) {
        for (const { failed } of batch) failed(error)
      }
    }
    this.#writing = false
  }
}
