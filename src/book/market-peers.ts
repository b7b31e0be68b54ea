import { EventEmitter } from 'node:events'
import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import type { BookHead } from '#spec'
import { BushelError } from '../../contracts/errors/error.js'
import { MarketChannel, PROTOCOL } from './channel.js'
import type { ChannelHost } from './channel.js'
import type { GateVerdict } from './relay/gate.js'
import { refusal } from './refusal.js'

/** What the market answers with on each of its channels. */
export type MarketEnd = Omit<ChannelHost, 'onhello' | 'onclose'>

/** Relays that a record is handed to at once. */
const RELAYS_AT_ONCE = 3
/** How soon a channel that the other end closed is opened again, ms. */
const REOPEN_AFTER = 15_000
const HEADS_TIMEOUT = 5000

/**
 * Who is connected and has the market.
 * Events: `hello` (channel) when a peer has said who it is, `change` when one came or went.
 */
export class MarketPeers extends EventEmitter {
  readonly #end: MarketEnd
  readonly #channels = new Map<NoiseStream, MarketChannel>()
  /** Each with its listener for the end of the stream. */
  readonly #streams = new Map<NoiseStream, () => void>()
  readonly #reopening = new Set<NodeJS.Timeout>()
  #closed = false

  constructor(end: MarketEnd) {
    super()
    this.setMaxListeners(0)
    this.#end = end
  }

  get all(): MarketChannel[] {
    return [...this.#channels.values()].filter(({ hello }) => hello)
  }

  get relays(): MarketChannel[] {
    return this.all.filter(({ device }) => this.#end.isRelay(device))
  }

  /** The channel to a device, once it has said who it is. */
  get(device: Buffer): MarketChannel | null {
    return this.all.find(channel => channel.device.equals(device)) ?? null
  }

  /** Speaks of the market on an open connection: now, or when the other end begins to. */
  connect(stream: NoiseStream): void {
    if (this.#closed || stream.destroyed || this.#streams.has(stream)) return
    const gone = (): void => void this.#streams.delete(stream)
    this.#streams.set(stream, gone)
    stream.once('close', gone)
    Protomux.from(stream).pair({ protocol: PROTOCOL, id: this.#end.id }, () => this.#open(stream))
    this.#open(stream)
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#reopening) clearTimeout(timer)
    for (const [stream, gone] of this.#streams) {
      stream.off('close', gone)
      if (!stream.destroyed) Protomux.from(stream).unpair({ protocol: PROTOCOL, id: this.#end.id })
    }
    for (const channel of this.#channels.values()) channel.close()
  }

  /** Tells everybody how far this node is. */
  say(heads: BookHead[]): void {
    for (const channel of this.all) channel.say(heads)
  }

  #open(stream: NoiseStream): void {
    if (this.#closed || stream.destroyed || this.#channels.has(stream)) return
    if (!this.#end.budget.has(stream.remotePublicKey)) return
    const host: ChannelHost = {
      ...this.#end,
      onhello: channel => {
        this.emit('hello', channel)
        this.emit('change')
      },
      onclose: channel => this.#onclose(stream, channel)
    }
    try {
      this.#channels.set(stream, new MarketChannel(stream, host))
    } catch {
      return // the other end has closed what it had just begun
    }
  }

  #onclose(stream: NoiseStream, channel: MarketChannel): void {
    if (this.#channels.get(stream) === channel) this.#channels.delete(stream)
    this.emit('change')
    if (!channel.hello || this.#closed || stream.destroyed) return
    const timer = setTimeout(() => {
      this.#reopening.delete(timer)
      this.#open(stream)
    }, REOPEN_AFTER)
    timer.unref()
    this.#reopening.add(timer)
  }

  /** Hands a record to some relays; gives the first that takes it, or rejects with why it was refused. */
  async submit(record: Buffer): Promise<GateVerdict> {
    const answers = this.relays.slice(0, RELAYS_AT_ONCE).map(async channel => {
      const verdict = await channel.submit(record)
      if (verdict.code !== 'OK' && verdict.code !== 'REPEATED') throw refusal(verdict)
      return verdict
    })
    try {
      return await Promise.any(answers)
    } catch (error) {
      const reasons = error instanceof AggregateError ? (error.errors as unknown[]) : [error]
      const refused = reasons.find(reason => reason instanceof BushelError)
      if (refused) throw refused
      throw new BushelError(
        'NO_RELAY',
        'no relay answered, so the order may or may not be on the book',
        'try again'
      ).withCause(error)
    }
  }

  /** True as soon as one relay (where there is none, one peer) has shown heads that this node covers. */
  async anyCovered(covers: (heads: BookHead[]) => Promise<boolean>): Promise<boolean> {
    const { relays } = this
    const answers = (relays.length > 0 ? relays : this.all).map(async channel => {
      if (!(await covers(await channel.heads(HEADS_TIMEOUT)))) throw new Error('behind')
      return true
    })
    try {
      return await Promise.any(answers)
    } catch {
      return false // each of them is ahead of this node, or gave no answer
    }
  }
}
