/** Most orders in one block of a writer. */
const MOST_IN_A_BLOCK = 48

/** Batches accepted records: those that come during an append are written together in the next one. */
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
    await null // collects the records of this turn
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
