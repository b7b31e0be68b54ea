import type { NoiseStream } from 'hyperdht'
import type { BookHead, BookHello, SignedHead, ViewHead } from '#spec'
import { decode, encode } from '../../../contracts/schema/codec.js'
import { MAX_HEADS, MAX_RECORDS, MAX_SIGHTINGS } from '../../../contracts/schema/counts.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { MAX_ORDER_BYTES } from '../../../contracts/order.js'
import { addressOf } from '../../base/bounds/address.js'
import { COST } from '../budget.js'
import type { RefusalBudget } from '../budget.js'
import type { GateVerdict } from '../relay/gate.js'
import { StrictRpc } from './strict-rpc.js'

export const PROTOCOL = 'bushel/book'
export const VERSION = 1

const KEY_BYTES = 32
const MAX_HELLO_BYTES = 192
const MAX_SIGNED_HEAD_BYTES = 128
const MAX_HEADS_BYTES = MAX_HEADS * 44
const MAX_VIEW_HEAD_BYTES = 256
const MAX_VERDICT_BYTES = 1024
const MAX_SIGHTINGS_REQUEST_BYTES = 8 + MAX_SIGHTINGS * 32
const MAX_SIGHTINGS_BYTES = 8 + MAX_SIGHTINGS * 9
const MAX_SUBMISSION_BYTES = MAX_RECORDS * (MAX_ORDER_BYTES + 4)
/** Most running requests of one peer. */
const MAX_UNDER_WAY = 8
const REQUEST_TIMEOUT = 15_000
const SIGHTINGS_TIMEOUT = 3000

/** The market's side of a channel. */
export interface ChannelHost {
  /** The market's discovery key. */
  readonly id: Buffer
  readonly budget: RefusalBudget
  hello(): BookHello
  /** True for a device known as a relay, which announces its heads whenever they change. */
  isRelay(device: Buffer): boolean
  /** Null when this node is not a relay. */
  judge: ((record: Buffer) => Promise<GateVerdict>) | null
  heads(): BookHead[]
  viewHead(): ViewHead | null
  /** How long ago the device was seen, ms; null when it was not, or this node is no relay. */
  seenAgo(device: Buffer): number | null
  onhello(channel: MarketChannel): void
  /** Called when a relay announces the heads of the writers that it knows. */
  onheads(channel: MarketChannel): void
  /** Called when a peer shows a head of the view as one that the founder has signed. */
  onsigned(channel: MarketChannel, head: SignedHead): void
  onclose(channel: MarketChannel): void
  /** Called when a peer has exceeded a bound and is cut off. */
  oncutoff(device: Buffer, bound: string): void
}

/** One market on one connection: hello, submitted records, and the heads of both ends. */
export class MarketChannel {
  readonly device: Buffer
  /** Where it is, see `addressOf`, once its hello has arrived; null: on this machine. */
  address: string | null = null
  /** The peer's hello; null until it arrives. */
  hello: BookHello | null = null
  /** The heads that the peer announced last. */
  said: BookHead[] = []
  /** The key of the peer's forwarder, which counts when it is a relay; null: it does not forward. */
  forwarder: Buffer | null = null
  readonly #host: ChannelHost
  readonly #stream: NoiseStream
  readonly #rpc: StrictRpc
  #underWay = 0

  /** Throws when the connection is closed or already has a channel of this market. */
  constructor(stream: NoiseStream, host: ChannelHost) {
    this.#host = host
    this.#stream = stream
    this.device = stream.remotePublicKey
    this.#rpc = new StrictRpc(stream, {
      protocol: PROTOCOL,
      id: host.id,
      handshake: encode('book-hello', host.hello())
    })
    this.#rpc.on('open', (hello: Buffer) => {
      this.address = addressOf(stream.rawStream.remoteHost ?? '')
      this.#onhello(hello)
    })
    this.#rpc.on('unknown', () => this.#cutOff(tooMuch('it sent an unknown request')))
    this.#rpc.on('close', () => host.onclose(this))
    this.#rpc.respond('said', async value => {
      if (!host.isRelay(this.device)) this.#pay(COST.asked)
      this.#onsaid(value)
      return null
    })
    this.#rpc.respond('signed', async value => {
      if (!host.isRelay(this.device)) this.#pay(COST.asked)
      this.#onsigned(value)
      return null
    })
    this.#rpc.respond('forwards', async value => {
      if (!host.isRelay(this.device)) this.#pay(COST.asked)
      this.#onforwards(value)
      return null
    })
    this.#rpc.respond('submit', value => this.#limited(() => this.#onsubmit(value)))
    this.#rpc.respond('heads', () =>
      this.#limited(async () => encode('book-heads', { heads: this.#host.heads() }))
    )
    this.#rpc.respond('view', () =>
      this.#limited(async () => {
        const head = this.#host.viewHead()
        return head && encode('view-head', head)
      })
    )
    this.#rpc.respond('seen', value => this.#limited(async () => this.#onseen(value)))
  }

  get closed(): boolean {
    return this.#rpc.closed
  }

  close(): void {
    this.#rpc.destroy()
  }

  /** Announces this node's heads. */
  say(heads: BookHead[]): void {
    if (!this.closed) this.#rpc.event('said', encode('book-heads', { heads }))
  }

  /** Shows the head of the view that the founder signed last. */
  show(head: SignedHead): void {
    if (!this.closed) this.#rpc.event('signed', encode('signed-head', head))
  }

  /** Tells whether this node forwards, and the key of its forwarder. */
  tellForwarder(key: Buffer | null): void {
    if (!this.closed) this.#rpc.event('forwards', key)
  }

  /** Ends the connection to a peer that showed a head which the founder has not signed. */
  refuseHead(): void {
    this.#cutOff(new BushelError('FORGED', 'it showed a head of the view that the founder has not signed'))
    this.#stream.destroy()
  }

  /** Submits a record and returns the peer's verdict. Rejects when none comes in time. */
  async submit(record: Buffer): Promise<GateVerdict> {
    const reply = await this.#ask('submit', encode('order-submission', { orders: [record] }))
    const [verdict] = decode('order-verdicts', reply, MAX_VERDICT_BYTES).verdicts
    if (!verdict) throw new BushelError('MALFORMED', 'the relay sent no verdict on the order')
    return verdict
  }

  /** Requests the heads of the peer's base. */
  async heads(timeoutMs = REQUEST_TIMEOUT): Promise<BookHead[]> {
    return decode('book-heads', await this.#ask('heads', null, timeoutMs), MAX_HEADS_BYTES).heads
  }

  /** Requests the signed head of the peer's view; null when the peer does not vouch for one. */
  async viewHead(timeoutMs = REQUEST_TIMEOUT): Promise<ViewHead | null> {
    const reply = await this.#ask('view', null, timeoutMs)
    return reply && decode('view-head', reply, MAX_VIEW_HEAD_BYTES)
  }

  /** Asks when the peer saw these devices, at most `MAX_SIGHTINGS`: how long ago, ms, or null for each. */
  async seenAgo(devices: Buffer[]): Promise<(number | null)[]> {
    const reply = await this.#ask('seen', encode('sightings-request', { devices }), SIGHTINGS_TIMEOUT)
    const { seconds } = decode('sightings', reply, MAX_SIGHTINGS_BYTES)
    return devices.map((_, i) => (seconds[i] ? (seconds[i] - 1) * 1000 : null))
  }

  async #ask(method: string, value: Buffer | null, timeout = REQUEST_TIMEOUT): Promise<Buffer | null> {
    return await this.#rpc.request(method, value, { timeout })
  }

  #onhello(value: Buffer | null): void {
    try {
      this.hello = decode('book-hello', value, MAX_HELLO_BYTES)
    } catch (error) {
      this.#cutOff(error)
      return
    }
    this.#host.onhello(this)
    const { head } = this.hello
    if (head) this.#host.onsigned(this, head)
  }

  #onsigned(value: Buffer | null): void {
    let head: SignedHead
    try {
      head = decode('signed-head', value, MAX_SIGNED_HEAD_BYTES)
    } catch (error) {
      this.#cutOff(error)
      return
    }
    this.#host.onsigned(this, head)
  }

  #onforwards(value: Buffer | null): void {
    if (value && value.byteLength !== 0 && value.byteLength !== KEY_BYTES)
      this.#cutOff(new BushelError('MALFORMED', 'the key of a forwarder has 32 bytes'))
    else this.forwarder = value?.byteLength ? value : null
  }

  #onsaid(value: Buffer | null): void {
    try {
      this.said = decode('book-heads', value, MAX_HEADS_BYTES).heads
    } catch (error) {
      this.#cutOff(error)
      return
    }
    this.#host.onheads(this)
  }

  /** Seconds since each device was seen, plus one; 0 for a device that was not. */
  #onseen(value: Buffer | null): Buffer {
    let devices: Buffer[]
    try {
      devices = decode('sightings-request', value, MAX_SIGHTINGS_REQUEST_BYTES).devices
    } catch (error) {
      throw this.#cutOff(error)
    }
    const seconds = devices.map(device => {
      const ago = this.#host.seenAgo(device)
      return ago === null ? 0 : Math.floor(Math.max(ago, 0) / 1000) + 1
    })
    return encode('sightings', { seconds })
  }

  async #onsubmit(value: Buffer | null): Promise<Buffer> {
    let orders: Buffer[]
    try {
      orders = decode('order-submission', value, MAX_SUBMISSION_BYTES).orders
    } catch (error) {
      this.#cutOff(error)
      throw error
    }
    const verdicts = await Promise.all(orders.map(order => this.#judge(order)))
    return encode('order-verdicts', { verdicts })
  }

  async #judge(order: Buffer): Promise<GateVerdict> {
    if (!this.#host.judge) return { code: 'NO_RELAY', reason: 'this node is not a relay of the market' }
    if (this.closed) throw new BushelError('CLOSED', 'the channel is closed')
    const { code, reason } = await this.#host.judge(order)
    if (code !== 'OK') this.#pay(code === 'REPEATED' ? COST.repeated : COST.refused)
    return { code, reason }
  }

  async #limited<T>(answer: () => Promise<T>): Promise<T> {
    this.#pay(COST.asked)
    if (this.#underWay >= MAX_UNDER_WAY) throw this.#cutOff(tooMuch('it sent too many requests at once'))
    this.#underWay++
    try {
      return await answer()
    } finally {
      this.#underWay--
    }
  }

  #pay(cost: number): void {
    if (this.#host.budget.spend(this.device, cost)) return
    throw this.#cutOff(tooMuch('it sent too many requests'))
  }

  /** Closes the channel to a peer that broke the protocol or used up its budget. */
  #cutOff(reason: unknown): unknown {
    if (!this.closed)
      this.#host.oncutoff(this.device, reason instanceof BushelError ? reason.code : 'UNKNOWN')
    this.#host.budget.exhaust(this.device)
    this.#rpc.destroy()
    return reason
  }
}

function tooMuch(what: string): BushelError {
  return new BushelError('BUDGET', what, 'slow down')
}
