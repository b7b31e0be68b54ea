import crypto from 'hypercore-crypto'
import ReadyResource from 'ready-resource'
import type { Order, OwnOrder } from '#spec'
import { decode, encode } from '../../../contracts/schema/codec.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey } from '../../../contracts/keys/key.js'
import { SIDE, isSameOrder, orderId, signOrder } from '../../../contracts/order.js'
import { DAY, HOUR, MINUTE } from '../../../contracts/money/quantity.js'
import { KeyedBackoff } from '../../base/backoff.js'
import { Poller } from '../../base/poller.js'
import { unlessAborted } from '../../base/timeouts.js'
import { change } from '../../store/change.js'
import type { Store } from '../../store/store.js'
import type { Posting } from '../../book/reader/posting.js'
import { OrderRefusal } from '../../book/refusal.js'
import type { OwnKeys } from '../deals.js'
import { postingNote } from './posting-note.js'
import type { Logger } from '../../base/logger.js'
import { ownOrderTable } from '../tables.js'
import { trustedNow } from '../../base/time/trusted-time.js'

/** Most bits of a stamp beyond what the book asks for: some seconds of work. */
const MOST_EXTRA = 10

/** The market operations that standing orders need. */
export interface MarketPort {
  readonly rules: { maxLifetime: number } | null
  stampFor(order: Order): { tick: number; bits: number }
  /** Resolves when the book has the record, or the relays were asked in vain; rejects with the refusal of all. */
  submit(record: Buffer): Promise<Posting>
  /** Number of connected relays. */
  readonly relays: number
  inStep(options: { timeoutMs: number }): Promise<boolean>
  /** The live order with this id, verified. */
  get(id: Buffer): Promise<{ order: Order } | null>
  /** The order with this id as it lies in the book, also a withdrawn one. */
  standing(id: Buffer): Promise<Order | null>
}

export interface StandingOrdersOptions {
  self: OwnKeys
  store: Store
  market: (key: Buffer) => MarketPort | null
  log: Logger
  now?: () => number
  /** How soon an order that the book lacks is offered again, ms; later ever more rarely. */
  offerEvery?: number
}

/** An order of this node. `note` tells the owner why it is not in the book yet; '' when it is. */
export interface PlacedOrder {
  id: Buffer
  order: Order
  note: string
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

interface LiveOrder {
  id: Buffer
  /** As it is on the book. */
  order: Order
  until: number
  /** The body with which it was placed. */
  offered: Buffer
}

/** Our own orders that are neither withdrawn nor expired. */
export function* liveOrders(store: Store, now: number): Iterable<LiveOrder> {
  for (const { key, value } of store.table(ownOrderTable).by('open', { gte: now + 1 }))
    yield { id: key, order: decode('order', value.record), until: value.until, offered: value.offered! }
}

/** An order is published for three days and renewed half-way, so that the orders of a node that stopped expire. */
const PUBLISHED_FOR = 3 * DAY
const RENEW_EVERY = HOUR
/** How often the book is looked at for an order of this node, ms: often after it was placed, then ever more rarely. */
const OFFER_AGAIN = { first: MINUTE, last: HOUR }
/** How long the look waits until the book is in step, ms. */
const BOOK_WAIT = 10_000

/**
 * This node's own orders: on disk before they are on the book, and renewed until they are withdrawn or expire. The book is
 * compared with the disk, and what it lacks is offered again, withdrawals too: a relay may have swallowed it.
 */
export class StandingOrders extends ReadyResource {
  readonly #options: StandingOrdersOptions
  readonly #now: () => number
  readonly #poller: Poller
  readonly #offering: Poller
  /** When the book is looked at for each order. */
  readonly #checks: KeyedBackoff

  constructor(options: StandingOrdersOptions) {
    super()
    this.#options = options
    this.#now = options.now ?? trustedNow
    this.#poller = new Poller({
      look: signal => this.#renew(signal),
      interval: RENEW_EVERY,
      onerror: options.log.fault
    })
    const { offerEvery: first = OFFER_AGAIN.first } = options
    this.#checks = new KeyedBackoff({ ...OFFER_AGAIN, first })
    this.#offering = new Poller({
      look: signal => this.#offerAgain(signal),
      interval: first,
      onerror: options.log.fault
    })
  }

  protected override async _open(): Promise<void> {
    void this.#poller.start()
    void this.#offering.start(this.#options.offerEvery ?? OFFER_AGAIN.first)
  }

  protected override async _close(): Promise<void> {
    await Promise.all([this.#poller.close(), this.#offering.close()])
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

  /** Publishes an order; rejects when no relay is reached or all refuse it, and then drops it. */
  async publish(order: NewOrder): Promise<PlacedOrder> {
    const { id, order: draft } = this.draft(order)
    const until = draft.created + order.lifetime
    const floor = order.floor ?? order.price
    const own: OwnOrder = {
      ...{ market: order.market, record: encode('order', draft), until, open: 1, floor },
      offered: order.body
    }
    await this.#put(id, own)
    let posting: Posting
    try {
      posting = await this.#submit(draft)
    } catch (error) {
      // A relay that has the order may put it into the book in spite of its refusal: then it is withdrawn.
      if (error instanceof OrderRefusal) await this.#close(id, own)
      else await this.#options.store.set(change(ownOrderTable, id, null))
      throw error
    }
    const note = postingNote(posting, 'order')
    this.#say('placed', id, draft, note)
    return { id, order: draft, note }
  }

  /** Withdraws an order, now or as soon as a relay takes it; returns why the book does not have the withdrawal, or ''. */
  async withdraw(id: Buffer): Promise<string> {
    const own = this.#own(id)
    if (!own) {
      throw new BushelError(
        'ORDER_NOT_FOUND',
        `this node has no order ${formatKey(id)}`,
        'see the ids with: bushel book'
      )
    }
    this.#market(own.market)
    const withdrawn = await this.#close(id, own)
    let posting: Posting | null = null
    try {
      posting = await this.#submit(withdrawn)
    } catch (error) {
      if (!(error instanceof BushelError) || error.code !== 'NO_RELAY') throw error
    }
    const note = postingNote(posting, 'withdrawal')
    this.#say('withdrawn', id, withdrawn, note)
    return note
  }

  /** Closes an order on disk, and returns its withdrawal. */
  async #close(id: Buffer, own: OwnOrder, revision = 0): Promise<Order> {
    const order = decode('order', own.record)
    const next = Math.max(order.revision, revision) + 1
    const withdrawn: Order = { ...order, revision: next, withdrawn: true, body: Buffer.from([0]) }
    await this.#put(id, { ...own, open: 0, record: encode('order', withdrawn) })
    return withdrawn
  }

  /** Our live order with this id; null when it is withdrawn, expired or not ours. */
  get(id: Buffer): Order | null {
    const own = this.#own(id)
    if (!own || own.open === 0 || own.until <= this.#now()) return null
    return decode('order', own.record)
  }

  /** Our live ask with this id, as it was placed, and the lowest price at which it sells, msat; null when there is none. */
  ask(id: Buffer): { order: Order; floor: bigint } | null {
    const order = this.get(id)
    if (order?.side !== SIDE.ask) return null
    const { floor, offered } = this.#own(id)!
    return { order: { ...order, body: offered! }, floor }
  }

  /** Puts another body on the book, such as what is left of an offer; on our disk the offer stays as it was placed. */
  async revise(id: Buffer, body: Buffer): Promise<void> {
    const own = this.#own(id)
    const order = this.get(id)
    if (!own || !order || order.body!.equals(body)) return
    const market = this.#options.market(order.market)
    if (!market) return
    const next: Order = { ...order, ...this.#times(own, market), revision: order.revision + 1, body }
    await this.#put(id, { ...own, record: encode('order', next) })
    try {
      this.#say('revised', id, next, postingNote(await this.#submit(next), 'order'))
    } catch (error) {
      // The book is compared with the disk later on.
      if (!(error instanceof BushelError)) throw error
      this.#say('revised', id, next, error.message)
    }
  }

  /** When a revision of an order is made, and expires. */
  #times({ until }: OwnOrder, { rules }: MarketPort): { created: number; expires: number } {
    const now = this.#now()
    const longest = Math.min(PUBLISHED_FOR, rules?.maxLifetime ?? PUBLISHED_FOR)
    return { created: now, expires: Math.min(until, now + longest) }
  }

  list(): Iterable<LiveOrder> {
    return liveOrders(this.#options.store, this.#now())
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

  async #submit(order: Order): Promise<Posting> {
    this.#checks.reset(orderId(order))
    return await this.#post(order, this.#market(order.market))
  }

  async #post(order: Order, market: MarketPort): Promise<Posting> {
    const { device, proof } = this.#options.self
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

  /** Offers again what the book lacks: orders, revisions and withdrawals. */
  async #offerAgain(signal: AbortSignal): Promise<void> {
    const reached = new Map<string, Promise<boolean>>()
    const isReached = async (market: MarketPort): Promise<boolean> =>
      (await market.inStep({ timeoutMs: BOOK_WAIT })) || market.relays > 0
    const ending = this.#options.store.table(ownOrderTable).by('ends', { gte: this.#now() + 1 })
    for (const { key: id, value } of [...ending]) {
      const market = this.#options.market(value.market)
      if (!market || signal.aborted) continue
      const name = formatKey(value.market)
      if (!reached.has(name)) reached.set(name, isReached(market))
      try {
        if (!(await unlessAborted(reached.get(name)!, signal)) || !this.#checks.isDue(id)) continue
        await unlessAborted(this.#compare(id, market), signal)
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof BushelError)) throw error
        this.#options.log.warn('order not in the book yet', { order: id, reason: error.message })
      }
    }
  }

  /** Compares an order with the book, and offers it again when the book lacks it. */
  async #compare(id: Buffer, market: MarketPort): Promise<void> {
    const own = this.#own(id)
    if (!own) return
    let order = decode('order', own.record)
    if (own.open === 0) {
      const live = await market.get(id)
      if (!live) return
      if (live.order.revision >= order.revision) order = await this.#close(id, own, live.order.revision)
    } else {
      const standing = await market.standing(id)
      if (isSameOrder(order, standing) || (standing?.revision ?? 0) > order.revision) return
    }
    const posting = await this.#post(order, market)
    const note = postingNote(posting, own.open === 0 ? 'withdrawal' : 'order')
    this.#say(own.open === 0 ? 'withdrawn' : 'offered again', id, order, note)
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const now = this.#now()
    for (const { id, until } of [...this.list()]) {
      const order = this.get(id) // may have been withdrawn while another order was renewed
      if (!order || signal.aborted) continue
      if (order.expires - now > PUBLISHED_FOR / 2 || order.expires >= until) continue
      const market = this.#options.market(order.market)
      if (!market) continue
      const own = this.#own(id)!
      const next: Order = { ...order, ...this.#times(own, market), revision: order.revision + 1 }
      await this.#put(id, { ...own, record: encode('order', next) })
      try {
        const posting = await unlessAborted(this.#submit(next), signal)
        this.#say('renewed', id, next, postingNote(posting, 'order'))
      } catch (error) {
        // No relay was reached: the next round uses a higher revision, since this one may be on its way.
        const again: Order = { ...next, created: order.created, expires: order.expires }
        const withdrawn = this.get(id)?.revision !== next.revision
        if (!withdrawn) await this.#put(id, { ...own, record: encode('order', again) })
        if (!signal.aborted) this.#options.log.fault(error, { order: id })
      }
    }
  }

  #say(what: string, id: Buffer, { side, resource, price, market, expires }: Order, note: string): void {
    const { log } = this.#options
    if (note !== '') log.warn('order not in the book yet', { order: id, market, reason: note })
    else
      log.info(`${side === SIDE.ask ? 'offer' : 'bid'} ${what}`, {
        order: id,
        resource,
        price,
        market,
        expires: new Date(expires).toISOString()
      })
  }
}
