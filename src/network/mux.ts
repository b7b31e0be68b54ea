import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import { MIB } from '../../contracts/money/quantity.js'

/**
 * Bytes that may wait for one peer to read them. Whoever reads, however slowly, asks for less at a time: an answer to an
 * audit, or a few MiB of blocks.
 */
export const MAX_BACKLOG = 64 * MIB

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

/**
 * Ends the connection of a peer that sends requests and reads no answers: neither Protomux nor the streams under it stop
 * before memory is full.
 */
function boundBacklog(stream: NoiseStream): void {
  const write = stream.write.bind(stream) as (bytes: Buffer) => boolean
  Object.assign(stream, {
    write: (bytes: Buffer): boolean => {
      const more = write(bytes)
      if (stream._writableState.buffered > MAX_BACKLOG)
        stream.destroy(new Error(`the peer left ${MAX_BACKLOG} bytes unread`))
      return more
    }
  })
}

/** To be called before anything else speaks on the connection: whoever asks Protomux for its own gets this one. */
export function guardMux(stream: NoiseStream): Protomux {
  boundBacklog(stream)
  return new StrictMux(stream)
}
