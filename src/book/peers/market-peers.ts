import { EventEmitter } from 'node:events'
import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import type { BookHead, SignedHead } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { MarketChannel, PROTOCOL } from './channel.js'
import type { ChannelHost } from './channel.js'
import type { GateVerdict } from '../relay/gate.js'
import { refusal } from '../refusal.js'

/** The market's side of all its channels. */
export type MarketEnd = Omit<ChannelHost, 'onhello' | 'onclose'>

/** Most relays that a record is submitted to at once. */
const RELAYS_AT_ONCE = 3
/** Delay before a channel that the peer closed is opened again, ms. */
const REOPEN_AFTER = 15_000
const HEADS_TIMEOUT = 5000

/**
 * The connected peers that have the market.
 * Events: `hello` (channel) when a peer's hello has arrived, `gone` (channel) when that channel has closed, `change` when
 * a peer came or went.
 */
export class MarketPeers extends EventEmitter {
  readonly #end: MarketEnd
  readonly #channels = new Map<NoiseStream, MarketChannel>()
  /** Attached streams, each with its close listener. */
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

  /** The channel to a device whose hello has arrived. */
  get(device: Buffer): MarketChannel | null {
    return this.all.find(channel => channel.device.equals(device)) ?? null
  }

  /** Opens the market's channel on a connection, now or when the peer does. */
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

  /** Announces this node's heads to all peers. */
  say(heads: BookHead[]): void {
    for (const channel of this.all) channel.say(heads)
  }

  /** Shows all peers the head of the view that the founder signed last. */
  show(head: SignedHead): void {
    for (const channel of this.all) channel.show(head)
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
      return // the peer has closed the channel that it had just opened
    }
  }

  #onclose(stream: NoiseStream, channel: MarketChannel): void {
    if (this.#channels.get(stream) === channel) this.#channels.delete(stream)
    if (channel.hello) this.emit('gone', channel)
    this.emit('change')
    if (!channel.hello || this.#closed || stream.destroyed) return
    const timer = setTimeout(() => {
      this.#reopening.delete(timer)
      this.#open(stream)
    }, REOPEN_AFTER)
    timer.unref()
    this.#reopening.add(timer)
  }

  /** Submits a record to some relays; resolves with the first acceptance, or rejects with the refusal. */
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

  /** True as soon as one relay (or, without relays, one peer) shows heads that this node covers. */
  async anyCovered(covers: (heads: BookHead[]) => Promise<boolean>): Promise<boolean> {
    const { relays } = this
    const answers = (relays.length > 0 ? relays : this.all).map(async channel => {
      if (!(await covers(await channel.heads(HEADS_TIMEOUT)))) throw new Error('behind')
      return true
    })
    try {
      return await Promise.any(answers)
    } catch {
      return false // every peer is ahead of this node, or did not answer
    }
  }
}
