import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import type { Channel, ChannelOptions } from 'protomux'
import { KIB, MIB } from '../../contracts/money/quantity.js'
import { Announcements } from './announcements.js'
import { HYPERCORE, guardCore } from './hypercore-guard.js'
import { PageBudget } from './page-budget.js'

/**
 * Bytes that may wait for one peer to read them. Whoever reads, however slowly, asks for less at a time: an answer to an
 * audit, or a few MiB of blocks.
 */
export const MAX_BACKLOG = 64 * MIB

/** What peers' announcements of blocks may take of this process's memory, all connections together: 64 MiB. */
const ANNOUNCED = new PageBudget((64 * MIB) / (8 * KIB))

/** Of the messages on the control channel, the one that holds others. */
const BATCH = 0

/** Why a connection is ended from this side. */
export class CutOff extends Error {
  /** The bound that the peer has gone beyond. */
  readonly bound: string

  constructor(bound: string, message: string) {
    super(message)
    this.bound = bound
  }
}

/**
 * The protocols of one connection. A batch within a batch, which nobody sends who means well, ends the connection:
 * Protomux would follow it down until the stack is full, which ends the process. The channels of cores are guarded
 * (`hypercore-guard.ts`).
 */
class StrictMux extends Protomux {
  readonly #announcements: Announcements
  #inBatch = false

  constructor(stream: NoiseStream, announced: PageBudget) {
    super(stream)
    this.#announcements = new Announcements(announced, error => stream.destroy(error))
    stream.once('close', () => this.#announcements.destroy())
  }

  override createChannel(options: ChannelOptions): Channel | null {
    if (options.protocol !== HYPERCORE) return super.createChannel(options)
    return super.createChannel(guardCore(options, this.#announcements))
  }

  override _oncontrolsession(type: number, state: { buffer: Buffer; start: number; end: number }): unknown {
    if (type !== BATCH) return super._oncontrolsession(type, state)
    if (this.#inBatch) throw new CutOff('NESTED_BATCH', 'a batch within a batch')
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
        stream.destroy(new CutOff('BACKLOG', `the peer left ${MAX_BACKLOG} bytes unread`))
      return more
    }
  })
}

/** To be called before anything else speaks on the connection: whoever asks Protomux for its own gets this one. */
export function guardMux(stream: NoiseStream, announced = ANNOUNCED): Protomux {
  boundBacklog(stream)
  return new StrictMux(stream, announced)
}
