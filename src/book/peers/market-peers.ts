import { EventEmitter } from 'node:events'
import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import type { BookHead, SignedHead } from '#spec'
import { systemClock } from '../../base/clock.js'
import { MarketChannel, PROTOCOL } from './channel.js'
import type { ChannelHost } from './channel.js'
import { RelayRecord } from '../reader/relay-record.js'

/** The market's side of all its channels. */
export type MarketEnd = Omit<ChannelHost, 'onhello' | 'onclose'>

/** Delay before a channel that the peer closed is opened again, ms. */
const REOPEN_AFTER = 15_000

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
  /** How the relays did what they said. */
  readonly record = new RelayRecord()
  /** When the first of the present peers came, on the monotonic clock; null without peers. */
  since: number | null = null
  #closed = false

  constructor(end: MarketEnd) {
    super()
    this.setMaxListeners(0)
    this.#end = end
  }

  get all(): MarketChannel[] {
    return [...this.#channels.values()].filter(({ hello }) => hello)
  }

  /** The connected relays, in the order in which to ask them. */
  get relays(): MarketChannel[] {
    return this.record.ranked(this.all.filter(({ device }) => this.#end.isRelay(device)))
  }

  /** The forwarders of the connected relays, in the order in which to ask those. */
  get forwarders(): Buffer[] {
    return this.relays.flatMap(({ forwarder }) => forwarder ?? [])
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
        this.since ??= systemClock.monotonic()
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
    if (this.all.length === 0) this.since = null
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
}
