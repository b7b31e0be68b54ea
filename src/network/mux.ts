import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import type { Channel, ChannelOptions } from 'protomux'
import { KIB, MIB } from '../../contracts/money/quantity.js'
import { Announcements } from './announcements.js'
import { HYPERCORE, guardCore } from './hypercore-guard.js'
import { PageBudget } from './page-budget.js'

/**
 * Most unread bytes for one peer. An honest peer, however slow, requests less at a time: the answer to an audit, or a few
 * MiB of blocks.
 */
export const MAX_BACKLOG = 64 * MIB

/** Memory for peers' announcements of blocks, all connections together: 64 MiB. */
const ANNOUNCED = new PageBudget((64 * MIB) / (8 * KIB))

/** Type of the control message that contains others. */
const BATCH = 0

/** The reason why this node ends a connection. */
export class CutOff extends Error {
  /** The bound that the peer has exceeded. */
  readonly bound: string

  constructor(bound: string, message: string) {
    super(message)
    this.bound = bound
  }
}

/**
 * The protocols of one connection. A batch within a batch, which no honest peer sends, ends the connection: Protomux
 * would recurse into it until the stack overflows, which ends the process. The channels of cores are guarded
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
 * Ends the connection of a peer that sends requests and reads no answers: neither Protomux nor the streams below it limit
 * the memory for unread answers.
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

/** Must be called before any protocol uses the connection, so that all of them share this Protomux. */
export function guardMux(stream: NoiseStream, announced = ANNOUNCED): Protomux {
  boundBacklog(stream)
  return new StrictMux(stream, announced)
}
