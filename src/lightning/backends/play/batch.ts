/** Messages of one turn cross together: each crossing costs a system call, and wakes the process at the other end. */
export class Batch<T> {
  readonly #send: (messages: T[]) => void
  readonly #messages: T[] = []

  constructor(send: (messages: T[]) => void) {
    this.#send = send
  }

  add(message: T): void {
    // After the microtasks: what goes on in them is of the same turn.
    if (this.#messages.push(message) === 1) process.nextTick(() => this.flush())
  }

  flush(): void {
    if (this.#messages.length > 0) this.#send(this.#messages.splice(0))
  }
}
