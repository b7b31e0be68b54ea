import type { BookCount, MarketRules, Order } from '#spec'
import { decode } from '../../../contracts/schema/codec.js'
import { checkOrder } from '../../../contracts/order.js'
import type { VerifiedOrder } from '../../../contracts/order.js'
import { orderRules } from './apply.js'
import { rowAt } from './database.js'
import type { ViewDatabase, ViewFetching } from './database.js'
import { COUNT, RULES, TICK, allRelays, banKey, bookRange, idOf, orderKey, slotsOf } from './keys.js'

export interface ListQuery {
  /** Id of the resource. */
  resource: string
  network: string
  limit?: number
  /** False for orders whose body cannot be read; they are left out and do not count towards `limit`. */
  isReadable?: (order: Order) => boolean
}

/** `maxPrice` is in msat, in the unit of the resource. */
export interface AskQuery extends ListQuery {
  maxPrice?: bigint
}

export interface BidQuery extends ListQuery {
  minPrice?: bigint
}

/** The market's own state in the view. */
export interface ViewState {
  rules: MarketRules | null
  /** Time of the last tick, 0 before the first. */
  tick: number
  count: BookCount
  /** Writers of the admitted relays, by device in hex. */
  relays: Map<string, Buffer>
}

/** Longest wait for a block of the view, ms. */
export const FETCH_TIMEOUT = 10_000
const MOST = 1000

/** Reads orders from a view and verifies each before returning it. */
export class Listing {
  readonly #view: () => ViewDatabase
  readonly #market: Buffer
  readonly #rules: () => MarketRules | null
  readonly #now: () => number
  /** Number of records in the view that are not valid: the market's founder admits forgeries. */
  unverified = 0

  constructor(options: {
    view: () => ViewDatabase
    market: Buffer
    rules: () => MarketRules | null
    now: () => number
  }) {
    this.#view = options.view
    this.#market = options.market
    this.#rules = options.rules
    this.#now = options.now
  }

  /** Live asks, the cheapest first. */
  async asks(query: AskQuery): Promise<VerifiedOrder[]> {
    return await this.#best('ask', query, query.maxPrice)
  }

  /** Live bids, the highest first. */
  async bids(query: BidQuery): Promise<VerifiedOrder[]> {
    return await this.#best('bid', query, query.minPrice)
  }

  async #best(side: 'ask' | 'bid', query: ListQuery, worst?: bigint): Promise<VerifiedOrder[]> {
    const { resource, network, limit = MOST, isReadable = () => true } = query
    return await this.#reading(async view => {
      const found: VerifiedOrder[] = []
      const range = bookRange(side, resource, network, worst)
      for await (const { value } of view.createReadStream(range, { timeout: FETCH_TIMEOUT })) {
        if (found.length >= limit) break
        const order = await this.#live(view, value)
        if (order && isReadable(order.order)) found.push(order)
      }
      return found
    })
  }

  /** The live order with this id; null when it is unknown, withdrawn or expired. */
  async get(id: Buffer): Promise<VerifiedOrder | null> {
    return await this.#reading(async view => {
      const entry = await rowAt(view, orderKey(id), { timeout: FETCH_TIMEOUT })
      const order = entry && (await this.#live(view, entry.value))
      return order?.id.equals(id) ? order : null
    })
  }

  /** The live orders of an identity. */
  async ofIdentity(identity: Buffer): Promise<VerifiedOrder[]> {
    return await this.#reading(async view => {
      const found: VerifiedOrder[] = []
      for await (const { key } of view.createReadStream(slotsOf(identity), { timeout: FETCH_TIMEOUT })) {
        const entry = await rowAt(view, orderKey(idOf(key)), { timeout: FETCH_TIMEOUT })
        const order = entry && (await this.#live(view, entry.value))
        if (order?.order.identity.equals(identity)) found.push(order)
      }
      return found
    })
  }

  async #live(view: ViewDatabase, bytes: Buffer): Promise<VerifiedOrder | null> {
    const rules = this.#rules()
    if (!rules) return null
    const check = checkOrder(bytes, orderRules(this.#market, rules))
    if (!check.ok) {
      this.unverified++
      return null
    }
    const { order } = check.verified
    if (order.withdrawn || order.expires <= this.#now()) return null
    return (await isBanned(view, order)) ? null : check.verified
  }

  /** Reads from one snapshot of the view, while the base changes. */
  async #reading<T>(read: (view: ViewDatabase) => Promise<T>): Promise<T> {
    const view = this.#view().snapshot()
    try {
      return await read(view)
    } finally {
      await view.close()
    }
  }
}

async function isBanned(view: ViewDatabase, order: Order): Promise<boolean> {
  for (const key of [order.identity, order.device]) {
    if (await rowAt(view, banKey(key), { timeout: FETCH_TIMEOUT })) return true
  }
  return false
}

/** Most relays read; a base cannot handle as many writers. */
const MOST_RELAYS = 1024

/** Reads the market's state from a view. `fetching` says how to wait for missing blocks. */
export async function readState(
  live: ViewDatabase,
  fetching: ViewFetching = { timeout: FETCH_TIMEOUT }
): Promise<ViewState> {
  const view = live.snapshot()
  try {
    const state: ViewState = { rules: null, tick: 0, count: { slots: 0, live: 0 }, relays: new Map() }
    const rules = await rowAt(view, RULES, fetching)
    if (!rules) return state
    state.rules = decode('market-rules', rules.value)
    const tick = await rowAt(view, TICK, fetching)
    if (tick) state.tick = decode('tick', tick.value).time
    const count = await rowAt(view, COUNT, fetching)
    if (count) state.count = decode('book-count', count.value)
    for await (const { value } of view.createReadStream({ ...allRelays(), limit: MOST_RELAYS }, fetching)) {
      const { device, writer } = decode('admission', value)
      state.relays.set(device.toString('hex'), writer)
    }
    return state
  } finally {
    await view.close()
  }
}
