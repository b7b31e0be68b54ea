/** Sends the messages of one event loop turn together: each send costs a system call and wakes the other process. */
export class Batch<T> {
  readonly #send: (messages: T[]) => void
  readonly #messages: T[] = []

  constructor(send: (messages: T[]) => void) {
    this.#send = send
  }

  add(message: T): void {
    // nextTick runs after the current code, so later messages of this turn join the batch.
    if (this.#messages.push(message) === 1) process.nextTick(() => this.flush())
  }

  flush(): void {
    if (this.#messages.length > 0) this.#send(this.#messages.splice(0))
  }
}
