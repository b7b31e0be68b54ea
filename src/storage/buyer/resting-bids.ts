import type { Order, StorageBid } from '#spec'
import { billedBytes } from '../../../contracts/money/money.js'
import { SIDE } from '../../../contracts/order.js'
import { DAY } from '../../../contracts/money/quantity.js'
import type { Fields } from '../../base/logger.js'
import { RestingBids } from '../../deal/orders/resting-bids.js'
import type { RestingBidsOptions } from '../../deal/orders/resting-bids.js'
import type { PlacedOrder } from '../../deal/orders/standing-orders.js'
import { storage } from '../resource.js'
import { isResting } from './mirror-state.js'
import type { MirrorListener, MirrorRequest, Mirrors } from './mirrors.js'

export interface StorageBidsOptions extends RestingBidsOptions {
  mirrors: Mirrors
  /** True when `bytes` can be reserved under this ask. */
  hasRoom(ask: Order, bytes: bigint): Promise<boolean>
  listener: MirrorListener
}

const BID_LIFETIME = 30 * DAY

/** Resting bids on storage: each has a packed tree, which is placed as soon as asks fit. */
export class StorageBids extends RestingBids {
  readonly #options: StorageBidsOptions

  constructor(options: StorageBidsOptions) {
    super(storage, options)
    this.#options = options
  }

  /** Packs the tree and publishes the bid; the node fills it later by itself. */
  async place(request: MirrorRequest, listener: MirrorListener, signal: AbortSignal): Promise<PlacedOrder> {
    const { mirrors, orders } = this.#options
    const job = await mirrors.prepare(request, listener, signal)
    try {
      const placed = await orders.publish({
        market: request.market,
        side: SIDE.bid,
        resource: storage.id,
        price: request.maxPrice!,
        body: storage.bid.encode(mirrors.bidOf(job)),
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

  protected override *waiting(): Iterable<Buffer> {
    for (const { bid } of this.#options.mirrors.bids()) if (bid) yield bid
  }

  protected override async fits(bid: Buffer): Promise<boolean> {
    const { mirrors } = this.#options
    const job = mirrors.jobOfBid(bid)
    return job !== null && mirrors.placeable(job)
  }

  protected override async fill(bid: Buffer, signal: AbortSignal): Promise<Fields> {
    const { mirrors, listener } = this.#options
    const { leases } = await mirrors.place(mirrors.jobOfBid(bid)!, listener, signal)
    return { leases: leases.join(' ') }
  }

  /** What was packed and paid for is kept, so that trying again costs nothing twice. */
  protected override isFinal(): boolean {
    return false
  }

  override async over(bid: Buffer): Promise<void> {
    const { mirrors } = this.#options
    const job = mirrors.jobOfBid(bid)
    if (job && isResting(job)) await mirrors.setBid(job, null)
  }

  protected override hasRoom(ask: Order, { bytes, blocks }: StorageBid): Promise<boolean> {
    return this.#options.hasRoom(ask, billedBytes([{ byteLength: bytes, length: blocks }]))
  }
}
