import crypto from 'hypercore-crypto'
import ReadyResource from 'ready-resource'
import type { Order, OwnOrder } from '#spec'
import { decode, encode } from '../../contracts/schema/codec.js'
import { BushelError } from '../../contracts/errors/error.js'
import { formatKey } from '../../contracts/keys/key.js'
import { SIDE, orderId, signOrder } from '../../contracts/order.js'
import { DAY, HOUR } from '../../contracts/money/quantity.js'
import { Poller } from '../base/poller.js'
import { OrderRefusal } from '../book/refusal.js'
import { unlessAborted } from '../base/timeouts.js'
import { change } from '../store/change.js'
import type { Store } from '../store/store.js'
import type { OwnKeys } from './deals.js'
import type { Logger } from '../base/logger.js'
import { ownOrderTable } from './tables.js'

/** Most bits of a stamp beyond what the book asks for: some seconds of work. */
const MOST_EXTRA = 10

/** The market operations that standing orders need. */
export interface MarketPort {
  readonly rules: { maxLifetime: number } | null
  stampFor(order: Order): { tick: number; bits: number }
  /** Resolves when a relay has taken the record. */
  submit(record: Buffer): Promise<void>
}

export interface StandingOrdersOptions {
  self: OwnKeys
  store: Store
  market: (key: Buffer) => MarketPort | null
  log: Logger
  now?: () => number
}

export interface NewOrder {
  market: Buffer
  side: number
  /** Id of the resource. */
  resource: string
  price: bigint
  /** The lowest price at which an ask sells, msat; its price by default. It is on our disk and nowhere else. */
  floor?: bigint
  body: Buffer
  /** How long the order stands, ms; it is renewed on the book while the node runs. */
  lifetime: number
}

/** An order is published for three days and renewed half-way, so that the orders of a node that stopped expire. */
const PUBLISHED_FOR = 3 * DAY
const RENEW_EVERY = HOUR

/** This node's own orders: on disk before they are on the book, and renewed until they are withdrawn or expire. */
export class StandingOrders extends ReadyResource {
  readonly #options: StandingOrdersOptions
  readonly #now: () => number
  readonly #poller: Poller

  constructor(options: StandingOrdersOptions) {
    super()
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#poller = new Poller({
      look: signal => this.#renew(signal),
      interval: RENEW_EVERY,
      onerror: options.log.fault
    })
  }

  protected override async _open(): Promise<void> {
    void this.#poller.start()
  }

  protected override async _close(): Promise<void> {
    await this.#poller.close()
  }

  /** The order as it would be published; nothing is published. */
  draft(order: NewOrder): { id: Buffer; order: Order } {
    const market = this.#market(order.market)
    const now = this.#now()
    const draft: Order = {
      market: order.market,
      nonce: crypto.randomBytes(32),
      revision: 1,
      side: order.side,
      resource: order.resource,
      network: this.#options.self.network,
      price: order.price,
      created: now,
      expires: now + Math.min(order.lifetime, PUBLISHED_FOR, market.rules?.maxLifetime ?? PUBLISHED_FOR),
      withdrawn: false,
      identity: this.#options.self.identity,
      device: this.#options.self.device.publicKey,
      body: order.body
    }
    return { id: orderId(draft), order: draft }
  }

  /** Publishes an order; rejects when no relay accepts it, and then drops it. */
  async publish(order: NewOrder): Promise<{ id: Buffer; order: Order }> {
    const { id, order: draft } = this.draft(order)
    const until = draft.created + order.lifetime
    const floor = order.floor ?? order.price
    await this.#put(id, { market: order.market, record: encode('order', draft), until, open: 1, floor })
    try {
      await this.#submit(draft)
    } catch (error) {
      await this.#options.store.set(change(ownOrderTable, id, null))
      throw error
    }
    this.#say('placed', id, draft)
    return { id, order: draft }
  }

  async withdraw(id: Buffer): Promise<void> {
    const own = this.#own(id)
    if (!own) {
      throw new BushelError(
        'ORDER_NOT_FOUND',
        `this node has no order ${formatKey(id)}`,
        'see the ids with: bushel book'
      )
    }
    const order = decode('order', own.record)
    const withdrawn: Order = {
      ...order,
      revision: order.revision + 1,
      withdrawn: true,
      body: Buffer.from([0])
    }
    await this.#put(id, { ...own, open: 0, record: encode('order', withdrawn) })
    await this.#submit(withdrawn)
    this.#say('withdrawn', id, order)
  }

  /** Our live order with this id; null when it is withdrawn, expired or not ours. */
  get(id: Buffer): Order | null {
    const own = this.#own(id)
    if (!own || own.open === 0 || own.until <= this.#now()) return null
    return decode('order', own.record)
  }

  /** Our live ask with this id and the lowest price at which it sells, msat; null when there is none. */
  ask(id: Buffer): { order: Order; floor: bigint } | null {
    const order = this.get(id)
    return order?.side === SIDE.ask ? { order, floor: this.#own(id)!.floor } : null
  }

  *list(): Generator<{ id: Buffer; order: Order; until: number }> {
    const live = this.#options.store.table(ownOrderTable).by('open', { gte: this.#now() + 1 })
    for (const { key, value } of live)
      yield { id: key, order: decode('order', value.record), until: value.until }
  }

  #own(id: Buffer): OwnOrder | null {
    return this.#options.store.table(ownOrderTable).get(id)
  }

  async #put(id: Buffer, own: OwnOrder): Promise<void> {
    await this.#options.store.set(change(ownOrderTable, id, own))
  }

  #market(key: Buffer): MarketPort {
    const market = this.#options.market(key)
    if (market) return market
    throw new BushelError(
      'MARKET_NOT_FOUND',
      `market ${formatKey(key)} is not joined`,
      'join it with: bushel market join KEY'
    )
  }

  async #submit(order: Order): Promise<void> {
    const { device, proof } = this.#options.self
    const market = this.#market(order.market)
    for (let extra = 0; ; extra += 2) {
      const { tick, bits } = market.stampFor(order)
      try {
        return await market.submit(await signOrder(order, { device, proof }, { tick, bits: bits + extra }))
      } catch (error) {
        // A relay that is given very many orders asks for a stronger stamp than the book tells.
        if (!(error instanceof OrderRefusal) || error.word !== 'STAMP' || extra >= MOST_EXTRA) throw error
      }
    }
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const now = this.#now()
    for (const { id, until } of [...this.list()]) {
      const order = this.get(id) // may have been withdrawn while another order was renewed
      if (!order || signal.aborted) continue
      if (order.expires - now > PUBLISHED_FOR / 2 || order.expires >= until) continue
      const market = this.#options.market(order.market)
      if (!market) continue
      const longest = Math.min(PUBLISHED_FOR, market.rules?.maxLifetime ?? PUBLISHED_FOR)
      const next: Order = {
        ...order,
        revision: order.revision + 1,
        created: now,
        expires: Math.min(until, now + longest)
      }
      const own = this.#own(id)!
      await this.#put(id, { ...own, record: encode('order', next) })
      try {
        await unlessAborted(this.#submit(next), signal)
        this.#say('renewed', id, next)
      } catch (error) {
        // No relay was reached: the next round uses a higher revision, since this one may be on its way.
        const again: Order = { ...next, created: order.created, expires: order.expires }
        const withdrawn = this.get(id)?.revision !== next.revision
        if (!withdrawn) await this.#put(id, { ...own, record: encode('order', again) })
        if (!signal.aborted) this.#options.log.fault(error, { order: id })
      }
    }
  }

  #say(what: string, id: Buffer, { side, resource, price, market, expires }: Order): void {
    this.#options.log.info(`${side === SIDE.ask ? 'offer' : 'bid'} ${what}`, {
      order: id,
      resource,
      price,
      market,
      expires: new Date(expires).toISOString()
    })
  }
}
