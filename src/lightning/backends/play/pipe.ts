import { Duplex } from 'node:stream'

/** Most bytes in one direction that the receiver has not consumed yet. */
export const PIPE_WINDOW = 256 * 1024
/** Most bytes in one message. */
export const PIPE_CHUNK = 64 * 1024
const CREDIT_STEP = 64 * 1024

export interface PipeWire {
  data(bytes: Buffer): void
  /** Tells the other side that `size` more bytes were consumed. */
  credit(size: number): void
  closed(): void
}

/**
 * A byte stream inside a shared Protomux connection, with flow control of its own: a slow reader delays only this stream.
 */
export class Pipe extends Duplex {
  readonly #wire: PipeWire
  readonly #inbox: Buffer[] = []
  #inboxBytes = 0
  #taken = 0
  #wanted = false
  #room = PIPE_WINDOW
  #waiting: { bytes: Buffer; done: () => void } | null = null

  constructor(wire: PipeWire) {
    super()
    this.#wire = wire
  }

  /** Call with bytes from the other side. Returns false when they exceed the window. */
  receive(bytes: Buffer): boolean {
    if (bytes.length > PIPE_CHUNK || this.#inboxBytes + this.#taken + bytes.length > PIPE_WINDOW) return false
    this.#inbox.push(bytes)
    this.#inboxBytes += bytes.length
    if (this.#wanted) this._read()
    return true
  }

  /** Call when the other side has consumed `size` bytes. Returns false when that many were not sent. */
  credited(size: number): boolean {
    if (size > PIPE_WINDOW - this.#room) return false
    this.#room += size
    this.#pump()
    return true
  }

  override _read(): void {
    this.#wanted = true
    for (let bytes = this.#inbox.shift(); bytes; bytes = this.#inbox.shift()) {
      this.#inboxBytes -= bytes.length
      this.#taken += bytes.length
      this.#wanted = this.push(bytes)
      if (!this.#wanted) break
    }
    if (this.#taken < CREDIT_STEP || this.destroyed) return
    this.#wire.credit(this.#taken)
    this.#taken = 0
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#waiting = { bytes, done }
    this.#pump()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#waiting = null
    this.#inbox.length = 0
    this.#wire.closed()
    done(error)
  }

  #pump(): void {
    const waiting = this.#waiting
    if (!waiting) return
    while (waiting.bytes.length && this.#room > 0) {
      const bytes = waiting.bytes.subarray(0, Math.min(PIPE_CHUNK, this.#room))
      waiting.bytes = waiting.bytes.subarray(bytes.length)
      this.#room -= bytes.length
      this.#wire.data(bytes)
    }
    if (waiting.bytes.length) return
    this.#waiting = null
    waiting.done()
  }
}
