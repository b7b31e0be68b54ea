import ReadyResource from 'ready-resource'
import type { Order } from '#spec'
import { EXIT } from '../../../contracts/errors/error-table.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { Poller } from '../../base/poller.js'
import { RESOURCE, SIDE } from '../../../contracts/order.js'
import type { NewOrder } from '../../deal/standing-orders.js'

/** What resting bids need of the node's own orders. */
export interface OrdersPort {
  publish(order: NewOrder): Promise<{ id: Buffer; order: Order }>
  withdraw(id: Buffer): Promise<void>
  get(id: Buffer): Order | null
  list(): Iterable<{ id: Buffer; order: Order }>
}

export interface FactsPort {
  get(kind: string, key: Buffer): Buffer | null
  set(...changes: { kind: string; key: Buffer; value: Buffer | null }[]): Promise<void>
}

export interface ComputeBidsOptions {
  orders: OrdersPort
  facts: FactsPort
  /** Do asks stand on the book that fit what was stored? Throws when it cannot be run any more. */
  fits(stored: Buffer, signal: AbortSignal): Promise<boolean>
  /** Runs it to its end; the same again after a restart goes on where it stood. */
  fill(stored: Buffer, signal: AbortSignal): Promise<void>
  onnote: (note: string) => void
  onfault: (error: unknown) => void
  tickEvery?: number
}

const KIND = 'compute-bid'
/** Of those that were begun: they go on whatever the book says now. */
const BEGUN = 'compute-bid-begun'
/** Changes of the book within so long make one look, ms. */
const SETTLE = 300

/** The buyer's resting bids on compute: each is run, unattended, as soon as the book can serve it. */
export class ComputeBids extends ReadyResource {
  readonly #options: ComputeBidsOptions
  readonly #poller: Poller
  readonly #running = new Map<string, Promise<void>>()

  constructor(options: ComputeBidsOptions) {
    super()
    this.#options = options
    this.#poller = new Poller({
      look: () => this.#look(),
      interval: options.tickEvery ?? 30_000,
      settle: SETTLE,
      onerror: options.onfault
    })
  }

  protected override async _open(): Promise<void> {
    void this.#poller.start()
  }

  protected override async _close(): Promise<void> {
    await this.#poller.close(new BushelError('CLOSED', 'the node is closing'))
    await Promise.all(this.#running.values())
  }

  /** Puts the bid on the book, with what is to be run on disk. */
  async place(order: NewOrder, stored: Buffer): Promise<{ id: Buffer; order: Order }> {
    const placed = await this.#options.orders.publish(order)
    await this.#options.facts.set({ kind: KIND, key: placed.id, value: stored })
    this.look()
    return placed
  }

  /** The book has changed: looks when it has settled a little. */
  soon(): void {
    this.#poller.poke()
  }

  /** Calls while it looks come to one more look. */
  look(): void {
    void this.#poller.look()
  }

  async #look(): Promise<void> {
    const { orders, facts, fits } = this.#options
    for (const { id, order } of [...orders.list()]) {
      if (this.#poller.signal.aborted) return
      const name = id.toString('hex')
      if (order.resource !== RESOURCE.compute || order.side !== SIDE.bid || this.#running.has(name)) continue
      const stored = facts.get(KIND, id)
      if (!stored) continue // it is being placed; or a kill came between, and its owner withdraws it
      try {
        if (!facts.get(BEGUN, id) && !(await fits(stored, this.#poller.signal))) continue
      } catch (error) {
        if (this.#poller.signal.aborted) return
        await this.#giveUp(id, error)
        continue
      }
      const run = this.#fill(id, stored)
        .catch((error: unknown) => this.#options.onfault(error))
        .finally(() => this.#running.delete(name))
      this.#running.set(name, run)
    }
  }

  async #fill(id: Buffer, stored: Buffer): Promise<void> {
    const { signal } = this.#poller
    await this.#options.facts.set({ kind: BEGUN, key: id, value: Buffer.from([1]) })
    // Its owner may have withdrawn it while the book was looked at.
    if (!this.#options.orders.get(id)) return this.#over(id)
    try {
      await this.#options.fill(stored, signal)
    } catch (error) {
      if (signal.aborted) return // it stands still, and goes on with the next start
      if (error instanceof BushelError && error.exit === EXIT.noOffer) {
        await this.#options.facts.set({ kind: BEGUN, key: id, value: null })
        this.#options.onnote(`the bid is not filled yet: ${error.message}`)
        return
      }
      return await this.#giveUp(id, error)
    }
    await this.#over(id)
  }

  /** What failed for another reason than the book would fail again, and be paid for again. */
  async #giveUp(id: Buffer, error: unknown): Promise<void> {
    if (!(error instanceof BushelError)) throw error
    this.#options.onnote(`a bid on compute is withdrawn: ${error.message}`)
    await this.#over(id)
  }

  async #over(id: Buffer): Promise<void> {
    const { orders, facts } = this.#options
    await facts.set({ kind: KIND, key: id, value: null }, { kind: BEGUN, key: id, value: null })
    if (orders.get(id)) await orders.withdraw(id)
  }
}
