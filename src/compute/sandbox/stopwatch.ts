/** Time that passes only while it runs, with an alarm when so much of it has passed. */
export class Stopwatch {
  #passed = 0
  #since: number | null = null
  #timer: NodeJS.Timeout | undefined
  readonly #most: number
  readonly #alarm: () => void

  constructor(mostMs: number, alarm: () => void) {
    this.#most = mostMs
    this.#alarm = alarm
  }

  /** ms. */
  get passed(): number {
    return this.#passed + (this.#since === null ? 0 : performance.now() - this.#since)
  }

  start(): void {
    if (this.#since !== null) return
    this.#since = performance.now()
    this.#timer = setTimeout(this.#alarm, Math.max(0, this.#most - this.#passed))
  }

  stop(): void {
    this.#passed = this.passed
    this.#since = null
    clearTimeout(this.#timer)
  }
}
