import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'

/** Of the messages on the control channel, the one that holds others. */
const BATCH = 0

/**
 * The protocols of one connection. A batch within a batch, which nobody sends who means well, ends the connection:
 * Protomux would follow it down until the stack is full, which ends the process.
 */
class StrictMux extends Protomux {
  #inBatch = false

  override _oncontrolsession(type: number, state: { buffer: Buffer; start: number; end: number }): unknown {
    if (type !== BATCH) return super._oncontrolsession(type, state)
    if (this.#inBatch) throw new Error('a batch within a batch')
    this.#inBatch = true
    try {
      return super._oncontrolsession(type, state)
    } finally {
      this.#inBatch = false
    }
  }
}

/** To be called before anything else speaks on the connection: whoever asks Protomux for its own gets this one. */
export function guardMux(stream: NoiseStream): Protomux {
  return new StrictMux(stream)
}
