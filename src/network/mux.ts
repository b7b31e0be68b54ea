import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import type { Channel, ChannelOptions } from 'protomux'
import c from 'compact-encoding'
import { BOUNDS } from '../base/bounds/bounds.js'
import { TokenBucket } from '../base/token-bucket.js'
import { Announcements } from './announcements.js'
import { mayReadCore } from './cores.js'
import { CutOff } from './cut-off.js'
import { HYPERCORE, guardCore } from './hypercore-guard.js'
import { peerOf } from './hypercore-wire.js'
import { PageBudget } from './page-budget.js'

/** Memory for peers' announcements of blocks, all connections together: 64 MiB. */
const ANNOUNCED = new PageBudget(BOUNDS.announced.all)

/** Pages that peers' announcements take now. */
export function announcedPages(): number {
  return Math.ceil(ANNOUNCED.held)
}

/** Type of the control message that contains others. */
const BATCH = 0

/** Of a channel's open message: its control type, the longest name of a protocol, and the longest id, bytes. */
const OPEN = 1
const MAX_NAME = 128
const MAX_ID = 128
/** Channels that a peer may open one after the other; each may read from disk. */
const OPENED = { burst: 2 * BOUNDS.channels.peer, perSecond: 20 }

interface DecodeState {
  buffer: Buffer
  start: number
  end: number
}

/**
 * The protocols of one connection. A batch within a batch, which no honest peer sends, ends the connection: Protomux
 * would recurse into it until the stack overflows, which ends the process. The channels of cores are guarded
 * (`hypercore-guard.ts`).
 */
export class StrictMux extends Protomux {
  readonly #announcements: Announcements
  readonly #opened = new TokenBucket(OPENED)
  readonly #kept: () => void
  #inBatch = false

  constructor(stream: NoiseStream, announced: PageBudget, kept: () => void) {
    super(stream)
    this.#kept = kept
    this.#announcements = new Announcements(announced, error => stream.destroy(error))
    stream.once('close', () => this.#announcements.destroy())
  }

  override createChannel(options: ChannelOptions): Channel | null {
    if (options.protocol !== HYPERCORE) return super.createChannel(options)
    const mayRead = (core: object): boolean => mayReadCore(core, this.stream)
    return super.createChannel(guardCore(options, this.#announcements, mayRead))
  }

  /** Bytes of messages for channels that are not open yet. */
  get pending(): number {
    return this._buffered
  }

  /** True while this node waits for blocks that it has asked the peer for. */
  get isAsking(): boolean {
    for (const channel of this)
      if (channel.protocol === HYPERCORE && peerOf(channel)?.inflight > 0) return true
    return false
  }

  override _oncontrolsession(type: number, state: DecodeState): unknown {
    if (type === OPEN) return super._oncontrolsession(type, this.#checkedOpen(state))
    if (type !== BATCH) return super._oncontrolsession(type, state)
    if (this.#inBatch) throw new CutOff('NESTED_BATCH', 'a batch within a batch')
    this.#inBatch = true
    try {
      return super._oncontrolsession(type, state)
    } finally {
      this.#inBatch = false
    }
  }

  /** Numbers of channels are used again once they are closed, so the number bounds how many there are. */
  #checkedOpen({ buffer, start, end }: DecodeState): DecodeState {
    const state = copyOf({ buffer, start, end })
    const read = { ...state }
    const channel = c.uint.decode(read)
    const name = c.uint.decode(read)
    read.start += name
    const id = read.start < read.end ? c.uint.decode(read) : Infinity
    if (channel > BOUNDS.channels.peer) throw new CutOff('CHANNELS', `it opens channel ${channel}`)
    if (name > MAX_NAME || id > MAX_ID) throw new CutOff('CHANNELS', 'it opens a channel with a long name')
    if (!this.#opened.spend()) throw new CutOff('CHANNELS', 'it opens channels too often')
    return state
  }

  /** A kept message must not hold the whole frame in which it came. */
  override _bufferMessage(channel: object, type: number, state: DecodeState): void {
    super._bufferMessage(channel, type, copyOf(state))
    if (this._buffered > BOUNDS.pending.peer)
      throw new CutOff('PENDING', 'it sends too much over channels that are not open')
    this.#kept()
  }
}

function copyOf({ buffer, start, end }: DecodeState): DecodeState {
  return { buffer: Buffer.from(buffer.subarray(start, end)), start: 0, end: end - start }
}

/** Neither Protomux nor the streams below it limit the memory for answers that a peer does not read. */
function tellWrites(stream: NoiseStream, wrote: (buffered: number) => void): void {
  const write = stream.write.bind(stream) as (bytes: Buffer) => boolean
  Object.assign(stream, {
    write: (bytes: Buffer): boolean => {
      const more = write(bytes)
      wrote(stream._writableState.buffered)
      return more
    }
  })
}

export interface MuxOptions {
  /** Called after each write with the bytes that wait for the peer to read them. */
  wrote: (buffered: number) => void
  /** Called after a message for a channel that is not open yet was kept. */
  kept?: () => void
  announced?: PageBudget
}

/** Must be called before any protocol uses the connection, so that all of them share this Protomux. */
export function guardMux(
  stream: NoiseStream,
  { wrote, kept = () => undefined, announced = ANNOUNCED }: MuxOptions
): StrictMux {
  tellWrites(stream, wrote)
  return new StrictMux(stream, announced, kept)
}
