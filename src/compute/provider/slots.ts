interface Waiting {
  bytes: number
  enter: () => void
}

/** A job's share of the machine. */
export interface JobSlot {
  /** Pauses the job: another may use its processor. */
  rest(): void
  /** Resolves when a processor is free; rejects with the reason of `signal`. */
  resume(signal: AbortSignal): Promise<void>
  leave(): void
}

/** Places for jobs, bounded in number and memory; the job that waits longest is next. */
export class JobSlots {
  cores: number
  memoryBytes: number
  readonly #waiting: Waiting[] = []
  readonly #resuming: (() => void)[] = []
  #active = 0
  #bytes = 0

  constructor(cores: number, memoryBytes: number) {
    this.cores = cores
    this.memoryBytes = memoryBytes
  }

  get active(): number {
    return this.#active
  }

  async enter(bytes: number, signal: AbortSignal): Promise<JobSlot> {
    await this.#wait(this.#waiting, signal, enter => ({ bytes, enter }))
    return this.#slot(bytes)
  }

  /** Rechecks the waiting jobs after the limits have changed. */
  look(): void {
    while (this.#active < this.cores && this.#resuming.length > 0) {
      this.#active++
      this.#resuming.shift()!()
    }
    while (this.#active < this.cores && this.#waiting.length > 0) {
      const { bytes, enter } = this.#waiting[0]!
      if (this.#bytes > 0 && this.#bytes + bytes > this.memoryBytes) return
      this.#active++
      this.#bytes += bytes
      this.#waiting.shift()
      enter()
    }
  }

  #slot(bytes: number): JobSlot {
    let [resting, left] = [false, false]
    return {
      rest: () => {
        if (resting || left) return
        resting = true
        this.#active--
        this.look()
      },
      resume: async signal => {
        if (!resting || left) return
        await this.#wait(this.#resuming, signal, enter => enter)
        resting = false
      },
      leave: () => {
        if (left) return
        left = true
        if (!resting) this.#active--
        this.#bytes -= bytes
        this.look()
      }
    }
  }

  #wait<T>(queue: T[], signal: AbortSignal, made: (enter: () => void) => T): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error)
      const waiting = made(() => {
        signal.removeEventListener('abort', leave)
        resolve()
      })
      const leave = (): void => {
        queue.splice(queue.indexOf(waiting), 1)
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', leave, { once: true })
      queue.push(waiting)
      this.look()
    })
  }
}
