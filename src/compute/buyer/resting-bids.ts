import type { Order } from '#spec'
import { EXIT } from '../../../contracts/errors/error-table.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { RESOURCE, SIDE } from '../../../contracts/order.js'
import type { NewOrder } from '../../deal/standing-orders.js'
import { RestingBids } from '../../deal/resting-bids.js'
import type { Logger } from '../../base/logger.js'
import { change } from '../../store/change.js'
import type { Store } from '../../store/store.js'
import { begunTable, bidTable } from '../tables.js'

/** The part of the node's own orders that resting bids use. */
export interface OrdersPort {
  publish(order: NewOrder): Promise<{ id: Buffer; order: Order }>
  withdraw(id: Buffer): Promise<void>
  get(id: Buffer): Order | null
  list(): Iterable<{ id: Buffer; order: Order }>
}

export interface ComputeBidsOptions {
  orders: OrdersPort
  store: Store
  /** Whether asks on the book fit the stored request. Throws when the request can no longer be run. */
  fits(stored: Buffer, signal: AbortSignal): Promise<boolean>
  /** Runs the stored request to its end; called again after a restart, it continues. */
  fill(stored: Buffer, signal: AbortSignal): Promise<void>
  log: Logger
  tickEvery?: number
}

/** The buyer's resting bids on compute. Each one is run in the background as soon as asks on the book fit it. */
export class ComputeBids extends RestingBids {
  readonly #options: ComputeBidsOptions
  readonly #running = new Map<string, Promise<void>>()

  constructor(options: ComputeBidsOptions) {
    super(options.log, options.tickEvery)
    this.#options = options
  }

  protected override async _open(): Promise<void> {
    void this.poller.start()
  }

  protected override async _close(): Promise<void> {
    await this.poller.close(new BushelError('CLOSED', 'the node is closing'))
    await Promise.all(this.#running.values())
  }

  /** Puts the bid on the book and stores its request. */
  async place(order: NewOrder, stored: Buffer): Promise<{ id: Buffer; order: Order }> {
    const placed = await this.#options.orders.publish(order)
    await this.#options.store.set(change(bidTable, placed.id, stored))
    this.look()
    return placed
  }

  /** Looks for bids that can be filled. */
  protected override async lookNow(): Promise<void> {
    const { orders, store, fits } = this.#options
    for (const { id, order } of [...orders.list()]) {
      if (this.poller.signal.aborted) return
      const name = id.toString('hex')
      if (order.resource !== RESOURCE.compute || order.side !== SIDE.bid || this.#running.has(name)) continue
      const stored = store.table(bidTable).get(id)
      if (!stored) continue // still being placed, or a kill interrupted `place`; then the owner withdraws the bid
      try {
        if (!store.table(begunTable).has(id) && !(await fits(stored, this.poller.signal))) continue
      } catch (error) {
        if (this.poller.signal.aborted) return
        await this.#giveUp(id, error)
        continue
      }
      const run = this.#fill(id, stored)
        .catch((error: unknown) => this.#options.log.fault(error))
        .finally(() => this.#running.delete(name))
      this.#running.set(name, run)
    }
  }

  async #fill(id: Buffer, stored: Buffer): Promise<void> {
    const { signal } = this.poller
    await this.#options.store.set(change(begunTable, id, Buffer.from([1])))
    // The owner may have withdrawn the bid during the look.
    if (!this.#options.orders.get(id)) return this.#over(id)
    try {
      await this.#options.fill(stored, signal)
    } catch (error) {
      if (signal.aborted) return // the bid stays and continues at the next start
      if (error instanceof BushelError && error.exit === EXIT.noOffer) {
        await this.#options.store.set(change(begunTable, id, null))
        this.#options.log.info('bid not filled yet', { order: id, reason: error.message })
        return
      }
      return await this.#giveUp(id, error)
    }
    this.#options.log.info('bid filled', { order: id, resource: 'compute' })
    await this.#over(id)
  }

  /** Withdraws a bid that failed for another reason than missing asks: a retry would fail and cost money again. */
  async #giveUp(id: Buffer, error: unknown): Promise<void> {
    if (!(error instanceof BushelError)) throw error
    this.#options.log.warn('bid given up', { order: id, reason: error.message })
    await this.#over(id)
  }

  async #over(id: Buffer): Promise<void> {
    const { orders, store } = this.#options
    await store.set(change(bidTable, id, null), change(begunTable, id, null))
    if (orders.get(id)) await orders.withdraw(id)
  }
}
