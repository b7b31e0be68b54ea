import ReadyResource from 'ready-resource'
import type { Order } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { SIDE } from '../../../contracts/order.js'
import { KeyedBackoff } from '../../base/backoff.js'
import { Poller } from '../../base/poller.js'
import type { Fields, Logger } from '../../base/logger.js'
import type { DealChannel } from '../channel.js'
import type { Resource } from '../resource.js'
import type { NewOrder, PlacedOrder } from './standing-orders.js'

/** A bid on the book. */
export interface BookedBid {
  id: Buffer
  order: Order
}

/** The part of the node's own orders that resting bids use. */
export interface OrdersPort {
  publish(order: NewOrder): Promise<PlacedOrder>
  withdraw(id: Buffer): Promise<string>
  get(id: Buffer): Order | null
  list(): Iterable<{ id: Buffer; order: Order }>
}

/** The connections on which bidders are told of asks. */
export interface BiddersPort {
  readonly self: { identity: Buffer }
  now(): number
  open(device: Buffer, options: { timeoutMs: number; signal: AbortSignal }): Promise<DealChannel>
}

export interface RestingBidsOptions {
  orders: OrdersPort
  deals: BiddersPort
  /** Live and readable bids for the resource on every market of this node, best first. */
  standing(): Promise<BookedBid[]>
  log: Logger
  /** ms between two regular looks. */
  tickEvery?: number
}

/** Several changes of the book within this time cause one look, ms. */
const SETTLE = 300
/** Most bids answered in one look. */
const MAX_ANSWERS = 50
const ANSWER_AGAIN = 10 * 60_000
const ANSWER_TIMEOUT = 5000
/** A bid that asks fit and no seller fills is tried ever more rarely, ms; at once when a seller says that it can. */
const RETRY = { first: 15_000, last: 10 * 60_000 }

/**
 * Resting bids for one resource, for both roles, looked at regularly and when the book changes. A buyer's node fills its
 * own bids in the background as soon as asks on the book fit; a provider whose asks fit another node's bid tells the
 * bidder, which then makes an ordinary deal.
 */
export abstract class RestingBids extends ReadyResource {
  protected readonly poller: Poller
  readonly resource: Resource
  readonly #options: RestingBidsOptions
  readonly #running = new Map<string, Promise<void>>()
  /** Answered bids, each with the time from which it may be answered again, ms. */
  readonly #answered = new Map<string, number>()
  /** When waiting bids are tried again. */
  readonly #tries: KeyedBackoff
  /** The reason last logged for each waiting bid. */
  readonly #noted = new Map<string, string>()

  constructor(resource: Resource, options: RestingBidsOptions) {
    super()
    this.resource = resource
    this.#options = options
    this.#tries = new KeyedBackoff(RETRY, () => options.deals.now())
    this.poller = new Poller({
      look: () => this.#look(),
      interval: options.tickEvery ?? 30_000,
      settle: SETTLE,
      onerror: options.log.fault
    })
  }

  /** Own bids that can be filled, by the ids of their orders. */
  protected abstract waiting(): Iterable<Buffer>
  /** Whether asks on the book fit an own bid. A BushelError ends the bid. */
  protected abstract fits(bid: Buffer, signal: AbortSignal): Promise<boolean>
  /** Fills an own bid and gives fields for the log; called again after a restart, it continues. */
  protected abstract fill(bid: Buffer, signal: AbortSignal): Promise<Fields>
  /** True for an error of `fill` after which the bid is not tried again. */
  protected abstract isFinal(error: BushelError): boolean
  /** Forgets an own bid that is filled, withdrawn, expired or given up. */
  abstract over(bid: Buffer): Promise<void>

  /** False when this node has no capacity for a bid that one of its asks fits. */
  protected hasRoom(_ask: Order, _bid: object): Promise<boolean> {
    return Promise.resolve(true)
  }

  protected override async _open(): Promise<void> {
    void this.poller.start()
  }

  protected override async _close(): Promise<void> {
    await this.poller.close(new BushelError('CLOSED', 'the node is closing'))
    await Promise.all(this.#running.values())
  }

  /** Call when the book changes: looks after the changes settle. */
  soon(): void {
    this.poller.poke()
  }

  /** Looks for what can be done; calls during a look cause one more look. */
  look(): void {
    void this.poller.look()
  }

  /** A provider says that its ask fits a bid: the book is looked at now if the bid is ours. */
  told(bid: Buffer): void {
    for (const own of this.waiting()) {
      if (!own.equals(bid)) continue
      this.#tries.reset(bid)
      return this.look()
    }
  }

  /** Fills own bids that can be filled, and answers the bids of others that can be served. */
  async #look(): Promise<void> {
    const { signal } = this.poller
    for (const id of [...this.waiting()]) {
      if (signal.aborted) return
      const name = id.toString('hex')
      if (this.#running.has(name)) continue
      try {
        if (!(await this.fits(id, signal)) || !this.#tries.isDue(id)) continue
      } catch (error) {
        if (signal.aborted) return
        await this.#giveUp(id, error)
        continue
      }
      const run = this.#fill(id)
        .catch((error: unknown) => this.#options.log.fault(error))
        .finally(() => this.#running.delete(name))
      this.#running.set(name, run)
    }
    await this.#answer()
  }

  async #fill(id: Buffer): Promise<void> {
    const { orders, log } = this.#options
    const { signal } = this.poller
    // The owner may have withdrawn the bid during the look.
    if (!orders.get(id)) return this.over(id)
    let filled: Fields
    try {
      filled = await this.fill(id, signal)
    } catch (error) {
      if (signal.aborted) return // the bid stays and continues at the next start
      if (!(error instanceof BushelError)) throw error
      if (this.isFinal(error)) return this.#giveUp(id, error)
      const name = id.toString('hex')
      if (this.#noted.get(name) !== error.message)
        log.info('bid not filled yet', { order: id, reason: error.message })
      this.#noted.set(name, error.message)
      return
    }
    log.info('bid filled', { order: id, resource: this.resource.id, ...filled })
    await this.#end(id)
  }

  /** Withdraws a bid that failed for another reason than missing asks: a retry would fail and cost money again. */
  async #giveUp(id: Buffer, error: unknown): Promise<void> {
    if (!(error instanceof BushelError)) throw error
    this.#options.log.warn('bid given up', { order: id, reason: error.message })
    await this.#end(id)
  }

  async #end(id: Buffer): Promise<void> {
    const { orders } = this.#options
    this.#noted.delete(id.toString('hex'))
    this.#tries.reset(id)
    await this.over(id)
    if (orders.get(id)) await orders.withdraw(id)
  }

  /** Tells bidders of our asks that fit their bids, each once. */
  async #answer(): Promise<void> {
    const { deals, orders, standing } = this.#options
    const asks = [...orders.list()].filter(
      ({ order }) => order.side === SIDE.ask && order.resource === this.resource.id
    )
    if (asks.length === 0) return
    let answers = 0
    for (const { id, order } of await standing()) {
      if (this.poller.signal.aborted || answers === MAX_ANSWERS) return
      if (order.identity.equals(deals.self.identity)) continue
      for (const ask of asks) {
        const key = `${id.toString('hex')}/${ask.id.toString('hex')}`
        if ((this.#answered.get(key) ?? 0) > deals.now() || !(await this.#serves(ask.order, order))) continue
        this.#answered.set(key, Infinity)
        answers++
        await this.#tell(order.device, id, ask.id, key)
        break
      }
    }
  }

  async #tell(device: Buffer, bid: Buffer, ask: Buffer, key: string): Promise<void> {
    const { deals } = this.#options
    const { signal } = this.poller
    try {
      const channel = await deals.open(device, { timeoutMs: ANSWER_TIMEOUT, signal })
      await channel.request('answer', { bid, ask }, { timeoutMs: ANSWER_TIMEOUT })
    } catch (error) {
      this.#answered.set(key, deals.now() + ANSWER_AGAIN) // the bidder is offline
      if (!(error instanceof BushelError) && !signal.aborted) throw error
    }
  }

  async #serves(ask: Order, bid: Order): Promise<boolean> {
    const { resource } = this
    if (!ask.market.equals(bid.market) || ask.network !== bid.network || bid.price < ask.price) return false
    const wanted = resource.bid.decode(bid.body)
    return resource.serves(resource.ask.decode(ask.body), wanted) && this.hasRoom(ask, wanted)
  }
}
