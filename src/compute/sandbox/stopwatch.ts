/** A timer that can be stopped and started again; calls `alarm` after `mostMs` of running time. */
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

  /** Running time so far, ms. */
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
