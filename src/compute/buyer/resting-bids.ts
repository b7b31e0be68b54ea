import { EXIT } from '../../../contracts/errors/error-table.js'
import type { BushelError } from '../../../contracts/errors/error.js'
import { SIDE } from '../../../contracts/order.js'
import type { Fields } from '../../base/logger.js'
import { RestingBids } from '../../deal/orders/resting-bids.js'
import type { RestingBidsOptions } from '../../deal/orders/resting-bids.js'
import type { NewOrder, PlacedOrder } from '../../deal/orders/standing-orders.js'
import { change } from '../../store/change.js'
import type { Store } from '../../store/store.js'
import { compute } from '../resource.js'
import { begunTable, bidTable } from '../tables.js'

export interface ComputeBidsOptions extends RestingBidsOptions {
  store: Store
  /** Whether asks on the book fit the stored request. Throws when the request can no longer be run. */
  fits(stored: Buffer, signal: AbortSignal): Promise<boolean>
  /** Runs the stored request to its end; called again after a restart, it continues. */
  fill(stored: Buffer, signal: AbortSignal): Promise<void>
}

/** Resting bids on compute: each has a stored request, which is run as soon as asks fit. */
export class ComputeBids extends RestingBids {
  readonly #options: ComputeBidsOptions

  constructor(options: ComputeBidsOptions) {
    super(compute, options)
    this.#options = options
  }

  /** Puts the bid on the book and stores its request. */
  async place(order: NewOrder, stored: Buffer): Promise<PlacedOrder> {
    const placed = await this.#options.orders.publish(order)
    await this.#options.store.set(change(bidTable, placed.id, stored))
    this.look()
    return placed
  }

  /** A bid without a request is still being placed, or a kill interrupted `place`; then the owner withdraws it. */
  protected override *waiting(): Iterable<Buffer> {
    const { orders, store } = this.#options
    for (const { id, order } of orders.list())
      if (order.resource === compute.id && order.side === SIDE.bid && store.table(bidTable).has(id)) yield id
  }

  protected override async fits(bid: Buffer, signal: AbortSignal): Promise<boolean> {
    const { store, fits } = this.#options
    return store.table(begunTable).has(bid) || fits(store.table(bidTable).get(bid)!, signal)
  }

  protected override async fill(bid: Buffer, signal: AbortSignal): Promise<Fields> {
    const { store, fill } = this.#options
    await store.set(change(begunTable, bid, Buffer.from([1])))
    try {
      await fill(store.table(bidTable).get(bid)!, signal)
    } catch (error) {
      if (!signal.aborted && isMissingOffer(error)) await store.set(change(begunTable, bid, null))
      throw error
    }
    return {}
  }

  protected override isFinal(error: BushelError): boolean {
    return !isMissingOffer(error)
  }

  override async over(bid: Buffer): Promise<void> {
    await this.#options.store.set(change(bidTable, bid, null), change(begunTable, bid, null))
  }
}

function isMissingOffer(error: unknown): boolean {
  return (error as Partial<BushelError>).exit === EXIT.noOffer
}
