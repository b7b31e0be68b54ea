import type { BookCount, MarketRules, Order } from '#spec'
import { decode } from '../../../contracts/schema/codec.js'
import { checkSignature, readOrder } from '../../../contracts/order.js'
import type { OrderCheck, VerifiedOrder } from '../../../contracts/order.js'
import { orderRules } from './apply.js'
import { rowAt, rowsOf } from './database.js'
import type { ViewDatabase, ViewFetching } from './database.js'
import { isAlive } from '../sightings.js'
import { Recent } from '../../base/time/recent.js'
import type { Sightings } from '../sightings.js'
import { orderOf } from './slots.js'
import {
  COUNT,
  RULES,
  TICK,
  allOrders,
  allRelays,
  banKey,
  bookRange,
  idOf,
  orderKey,
  slotsOf
} from './keys.js'

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

/** An ask to choose a seller by. */
export interface Candidate extends VerifiedOrder {
  /** When a relay last saw its device, ms since 1970; null: never, or no relay says. */
  seen: number | null
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
/** Most candidates of one identity: a seller may offer different goods, but not fill the list. */
const MOST_OF_IDENTITY = 8
/** Most rows of the index that are looked through for candidates. */
const MOST_LOOKED_AT = 20_000
/** Most records that are remembered as verified. */
const MOST_REMEMBERED = 4096

/** Reads orders from a view and verifies each before returning it. */
export class Listing {
  readonly #view: () => ViewDatabase
  readonly #market: Buffer
  readonly #rules: () => MarketRules | null
  readonly #now: () => number
  /** The bytes of records whose signature was checked, by id in hex. */
  readonly #valid = new Map<string, Buffer>()
  readonly #recent = new Recent<readonly Candidate[]>()
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
      for await (const { value } of rowsOf(view, range, { timeout: FETCH_TIMEOUT })) {
        if (found.length >= limit) break
        const order = await this.#live(view, value)
        if (order && isReadable(order.order)) found.push(order)
      }
      return found
    })
  }

  /**
   * The asks to choose sellers from, the cheapest first: up to `limit` of devices that were seen lately and up to `limit`
   * others, and few of each identity. No record is verified before this choice, so that thousands of asks of strangers
   * neither push out those of living sellers nor cost a signature each. In a full book the choice may be some seconds old: a
   * quote says what holds.
   */
  async candidates(query: AskQuery, seenOf: (devices: Buffer[]) => Promise<Sightings>): Promise<Candidate[]> {
    const { resource, network, limit = MOST, maxPrice } = query
    const name = [resource, network, limit, maxPrice].join(' ')
    return [...(await this.#recent.of(name, () => this.#candidates(query, seenOf)))]
  }

  async #candidates(
    query: AskQuery,
    seenOf: (devices: Buffer[]) => Promise<Sightings>
  ): Promise<Candidate[]> {
    const { resource, network, limit = MOST, isReadable = () => true, maxPrice } = query
    return await this.#reading(async view => {
      const rows: { order: Order; bytes: Buffer }[] = []
      const ofIdentity = new Map<string, number>()
      const range = { ...bookRange('ask', resource, network, maxPrice), limit: MOST_LOOKED_AT }
      for await (const { value } of rowsOf(view, range, { timeout: FETCH_TIMEOUT })) {
        const order = orderOf(value)
        // The founder may admit forgeries; `#live` counts them where they are used.
        if (!order || order.expires <= this.#now() || !isReadable(order)) continue
        const identity = order.identity!.toString('hex')
        const count = (ofIdentity.get(identity) ?? 0) + 1
        ofIdentity.set(identity, count)
        if (count <= MOST_OF_IDENTITY) rows.push({ order, bytes: value })
      }
      const sightings = await seenOf(rows.map(({ order }) => order.device!))
      const found: Candidate[] = []
      const left = { alive: limit, others: limit }
      for (const { order, bytes } of rows) {
        const seen = sightings.get(order.device!.toString('hex')) ?? null
        const kind = isAlive(seen, this.#now()) ? 'alive' : 'others'
        if (left[kind] === 0) continue
        const verified = await this.#live(view, bytes)
        if (!verified) continue
        left[kind]--
        found.push({ ...verified, seen })
      }
      return found
    })
  }

  /** The devices of all live orders, in hex. They are not verified: what lies in the view has cost its author a stamp. */
  async devices(): Promise<Set<string>> {
    return await this.#reading(async view => {
      const found = new Set<string>()
      for await (const { value } of rowsOf(view, allOrders(), { timeout: FETCH_TIMEOUT })) {
        const order = orderOf(value)
        if (order?.device && !order.withdrawn && order.expires > this.#now())
          found.add(order.device.toString('hex'))
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

  /** The order with this id as it lies in the view, also a withdrawn one, and not verified; null when there is none. */
  async standing(id: Buffer): Promise<Order | null> {
    return await this.#reading(async view => {
      const entry = await rowAt(view, orderKey(id), { timeout: FETCH_TIMEOUT })
      return entry && orderOf(entry.value)
    })
  }

  /** The live orders of an identity. */
  async ofIdentity(identity: Buffer): Promise<VerifiedOrder[]> {
    return await this.#reading(async view => {
      const found: VerifiedOrder[] = []
      for await (const { key } of rowsOf(view, slotsOf(identity), { timeout: FETCH_TIMEOUT })) {
        const entry = await rowAt(view, orderKey(idOf(key)), { timeout: FETCH_TIMEOUT })
        const order = entry && (await this.#live(view, entry.value))
        if (order?.order.identity.equals(identity)) found.push(order)
      }
      return found
    })
  }

  /** Checks a record like `checkOrder`, the same bytes once. */
  #check(bytes: Buffer, rules: MarketRules): OrderCheck {
    const known = orderRules(this.#market, rules)
    const read = readOrder(bytes, known)
    if (!read.ok) return read
    const id = read.verified.id.toString('hex')
    if (this.#valid.get(id)?.equals(bytes)) return read
    const check = checkSignature(read.verified)
    if (!check.ok) return check
    this.#valid.delete(id)
    this.#valid.set(id, Buffer.from(bytes))
    if (this.#valid.size > MOST_REMEMBERED) this.#valid.delete(this.#valid.keys().next().value!)
    return check
  }

  async #live(view: ViewDatabase, bytes: Buffer): Promise<VerifiedOrder | null> {
    const rules = this.#rules()
    if (!rules) return null
    const check = this.#check(bytes, rules)
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
    for await (const { value } of rowsOf(view, { ...allRelays(), limit: MOST_RELAYS }, fetching)) {
      const { device, writer } = decode('admission', value)
      state.relays.set(device.toString('hex'), writer)
    }
    return state
  } finally {
    await view.close()
  }
}
