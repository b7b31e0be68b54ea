import type { MirrorJob, Order, StorageAsk, StorageBid } from '#spec'
import { encode } from '../../../contracts/schema/codec.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { billedBytes } from '../../../contracts/money/money.js'
import { RESOURCE, SIDE, askOf, bidOf } from '../../../contracts/order.js'
import { DAY } from '../../../contracts/money/quantity.js'
import { Scope } from '../../base/scope.js'
import type { Handler } from '../../deal/channel.js'
import type { Deals } from '../../deal/deals.js'
import type { StandingOrders } from '../../deal/standing-orders.js'
import { isResting } from './mirror-state.js'
import type { MirrorListener, MirrorRequest, Mirrors } from './mirrors.js'
import { RestingBids } from '../../deal/resting-bids.js'
import type { Logger } from '../../base/logger.js'

/** A bid on the book. */
export interface BookedBid {
  id: Buffer
  order: Order
}

export interface BidsOptions {
  deals: Deals
  orders: StandingOrders
  mirrors: Mirrors
  /** Live bids for storage on every market of this node, best first. */
  standing(): Promise<BookedBid[]>
  /** True when `bytes` can be reserved under this ask. */
  hasRoom(ask: Order, bytes: bigint): Promise<boolean>
  listener: MirrorListener
  log: Logger
  tickEvery?: number
}

const BID_LIFETIME = 30 * DAY
/** Most bids answered in one look. */
const MAX_ANSWERS = 50
const ANSWER_AGAIN = 10 * 60_000

/**
 * Resting bids, for both roles. A buyer's node fills its own bids as soon as asks on the book fit; a provider whose asks
 * fit another node's bid tells the bidder, which then makes an ordinary deal.
 */
export class Bids extends RestingBids {
  readonly #options: BidsOptions
  readonly #scope = new Scope()
  /** Answered bids, each with the time from which it may be answered again, ms. */
  readonly #answered = new Map<string, number>()
  /** The reason last logged for each waiting job. */
  readonly #noted = new Map<string, string>()

  constructor(options: BidsOptions) {
    super(options.log, options.tickEvery)
    this.#options = options
    this.#scope.add(() => this.poller.close())
  }

  protected override async _open(): Promise<void> {
    const { deals, mirrors } = this.#options
    const answer: Handler<'answer'> = ({ bid }) => {
      const job = mirrors.jobOfBid(bid)
      if (job && isResting(job)) this.look()
      return { body: { ok: 1 } }
    }
    this.#scope.add(deals.handle('answer', answer))
    void this.poller.start()
  }

  protected override async _close(): Promise<void> {
    await this.#scope.close()
  }

  /** Packs the tree and publishes the bid; the node fills it later by itself. */
  async place(
    request: MirrorRequest,
    listener: MirrorListener,
    signal: AbortSignal
  ): Promise<{ id: Buffer; order: Order }> {
    const { mirrors, orders } = this.#options
    const job = await mirrors.prepare(request, listener, signal)
    try {
      const placed = await orders.publish({
        market: request.market,
        side: SIDE.bid,
        resource: RESOURCE.storage,
        price: request.maxPrice!,
        body: encode('storage-bid', mirrors.bidOf(job)),
        lifetime: BID_LIFETIME
      })
      await mirrors.setBid(job, placed.id)
      this.look()
      return placed
    } catch (error) {
      await mirrors.setBid(job, null)
      throw error
    }
  }

  /** Drops the job of a withdrawn bid. */
  async withdrawn(bid: Buffer): Promise<void> {
    const job = this.#options.mirrors.jobOfBid(bid)
    if (job && isResting(job)) await this.#options.mirrors.setBid(job, null)
  }

  /** Fills own bids that can be filled, and answers the bids of others that can be served. */
  protected override async lookNow(): Promise<void> {
    for (const job of [...this.#options.mirrors.bids()]) if (job.bid) await this.#fill(job, job.bid)
    await this.#answer()
  }

  async #fill(job: MirrorJob, bid: Buffer): Promise<void> {
    const { mirrors, orders, listener, log } = this.#options
    if (this.poller.signal.aborted || !(await mirrors.placeable(job))) return
    try {
      const { leases } = await mirrors.place(job, listener, this.poller.signal)
      log.info('bid filled', { order: bid, resource: 'storage', leases: leases.join(' ') })
    } catch (error) {
      if (this.poller.signal.aborted) return
      if (!(error instanceof BushelError)) throw error
      const reason = error.message
      if (this.#noted.get(job.store) !== reason) log.info('bid not filled yet', { order: bid, reason })
      this.#noted.set(job.store, reason)
      return
    }
    if (orders.get(bid)) await orders.withdraw(bid)
  }

  /** Tells bidders of our asks that fit their bids, each once. */
  async #answer(): Promise<void> {
    const { deals, orders } = this.#options
    const asks = [...orders.list()].filter(
      ({ order }) => order.side === SIDE.ask && order.resource === RESOURCE.storage
    )
    if (asks.length === 0) return
    let answers = 0
    for (const { id, order } of await this.#options.standing()) {
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
    try {
      const channel = await this.#options.deals.open(device, {
        timeoutMs: 5_000,
        signal: this.poller.signal
      })
      await channel.request('answer', { bid, ask }, { timeoutMs: 5_000 })
    } catch (error) {
      this.#answered.set(key, this.#options.deals.now() + ANSWER_AGAIN) // the bidder is offline
      if (!(error instanceof BushelError) && !this.poller.signal.aborted) throw error
    }
  }

  async #serves(ask: Order, bid: Order): Promise<boolean> {
    if (!ask.market.equals(bid.market) || ask.network !== bid.network || bid.price < ask.price) return false
    const offer: StorageAsk = askOf(ask)
    const wanted: StorageBid = bidOf(bid)
    if (wanted.time < offer.minTime || wanted.time > offer.maxTime) return false
    return this.#options.hasRoom(ask, billedBytes([{ byteLength: wanted.bytes, length: wanted.blocks }]))
  }
}
