import type { BookCount, BookSlot, MarketRules, Order } from '#spec'
import { decode, encode } from '../../../contracts/schema/codec.js'
import { SIDE } from '../../../contracts/order.js'
import type { VerifiedOrder } from '../../../contracts/order.js'
import { rowAt, rowsOf } from './database.js'
import type { ViewBatch } from './database.js'
import {
  COUNT,
  allOrders,
  bookKey,
  expiredAt,
  expiryKey,
  idOf,
  orderKey,
  slotKey,
  slotsOf,
  tallyKey
} from './keys.js'
import { SLOTS_PER_LIVE } from './rules.js'

const NOTHING = Buffer.alloc(0)

/** Until when a record stays in the view; a withdrawal stays a margin longer, so that the withdrawn order cannot return. */
export function standsUntil(order: Order, rules: MarketRules): number {
  return order.withdrawn ? order.expires + rules.tombstoneMargin : order.expires
}

/** Of two records of one order the higher revision wins; of two with the same revision, the greater bytes. */
function beats(a: { order: Order; bytes: Buffer }, b: { order: Order; bytes: Buffer }): boolean {
  if (a.order.revision !== b.order.revision) return a.order.revision > b.order.revision
  return a.bytes.compare(b.bytes) > 0
}

export function readRecord(bytes: Buffer): { order: Order; bytes: Buffer } {
  return { order: decode('order', decode('signed-order', bytes).order), bytes }
}

/**
 * The orders in the view, each in a slot of its identity, live or withdrawn. Between two ticks what stands is a function
 * of the set of records alone, whatever their order:
 *
 * - a slot holds the record that beats the others of its order, and lasts as long as the longest of them;
 * - an identity keeps the slots with the lowest ids, up to a multiple of its live orders; so does the market in all;
 * - of an identity's live orders those with the lowest ids are listed, up to its cap.
 *
 * Relays refuse what is over a cap, so the last two only settle what several relays took at once.
 */
export class OrderSlots {
  readonly #batch: ViewBatch
  readonly #rules: MarketRules

  constructor(batch: ViewBatch, rules: MarketRules) {
    this.#batch = batch
    this.#rules = rules
  }

  /** Adds a verified record. */
  async put(record: VerifiedOrder): Promise<void> {
    const { id, order } = record
    const slot = await this.#slot(order.identity, id)
    const until = Math.max(standsUntil(order, this.#rules), slot?.until ?? 0)
    if (slot) await this.#replace(record, slot, until)
    else await this.#add(record, until)
  }

  /** Removes orders that have expired at `time`, the oldest first and at most `most`. */
  async expire(time: number, most: number): Promise<void> {
    const over: Buffer[] = []
    for await (const { key } of rowsOf(this.#batch, { ...expiredAt(time), limit: most })) {
      over.push(idOf(key))
    }
    for (const id of over) await this.#remove(id)
  }

  async #add(record: VerifiedOrder, until: number): Promise<void> {
    const { id, order } = record
    const slot: BookSlot = { until, withdrawn: order.withdrawn, listed: false }
    await this.#batch.put(orderKey(id), record.bytes)
    await this.#batch.put(expiryKey(until, id), NOTHING)
    await this.#list(record, slot, !order.withdrawn)
    await this.#batch.put(slotKey(order.identity, id), encode('book-slot', slot))
    const live = order.withdrawn ? 0 : 1
    const total = await this.#count(COUNT, { slots: 1, live })
    const tally = await this.#count(tallyKey(order.identity), { slots: 1, live })
    await this.#relist(order.identity, tally.live - live, tally.live)
    if (tally.slots > this.#rules.maxOrdersPerIdentity * SLOTS_PER_LIVE) {
      const [last] = await this.#last(slotsOf(order.identity))
      if (last) await this.#remove(last)
    } else if (total.slots > this.#rules.maxOrders) {
      const [last] = await this.#last(allOrders())
      if (last) await this.#remove(last)
    }
  }

  async #replace(record: VerifiedOrder, slot: BookSlot, until: number): Promise<void> {
    const { id, order } = record
    if (until !== slot.until) {
      await this.#batch.del(expiryKey(slot.until, id))
      await this.#batch.put(expiryKey(until, id), NOTHING)
    }
    const old = await this.#record(id)
    const next: BookSlot = { ...slot, until }
    if (!beats(record, old)) {
      if (until !== slot.until) await this.#batch.put(slotKey(order.identity, id), encode('book-slot', next))
      return
    }
    await this.#list({ id, ...old }, next, false)
    next.withdrawn = order.withdrawn
    await this.#batch.put(orderKey(id), record.bytes)
    await this.#list(record, next, !order.withdrawn && (slot.listed || slot.withdrawn))
    await this.#batch.put(slotKey(order.identity, id), encode('book-slot', next))
    const change = Number(!order.withdrawn) - Number(!slot.withdrawn)
    await this.#count(COUNT, { slots: 0, live: change })
    const tally = await this.#count(tallyKey(order.identity), { slots: 0, live: change })
    await this.#relist(order.identity, tally.live - change, tally.live)
  }

  async #remove(id: Buffer): Promise<void> {
    const old = await this.#record(id)
    const { identity } = old.order
    const slot = (await this.#slot(identity, id))!
    await this.#list({ id, ...old }, slot, false)
    await this.#batch.del(orderKey(id))
    await this.#batch.del(slotKey(identity, id))
    await this.#batch.del(expiryKey(slot.until, id))
    const live = slot.withdrawn ? 0 : 1
    await this.#count(COUNT, { slots: -1, live: -live })
    const tally = await this.#count(tallyKey(identity), { slots: -1, live: -live })
    await this.#relist(identity, tally.live + live, tally.live)
  }

  /** Adds a record to the asks or bids, or removes it, and updates its slot. */
  async #list(
    record: { id: Buffer; order: Order; bytes: Buffer },
    slot: BookSlot,
    listed: boolean
  ): Promise<void> {
    if (slot.listed === listed) return
    const key = bookKey(record.order.side === SIDE.ask ? 'ask' : 'bid', record.order, record.id)
    if (listed) await this.#batch.put(key, record.bytes)
    else await this.#batch.del(key)
    slot.listed = listed
  }

  /** Lists the live orders with the lowest ids of an identity that is over its cap. */
  async #relist(identity: Buffer, before: number, after: number): Promise<void> {
    const most = this.#rules.maxOrdersPerIdentity
    if (before <= most && after <= most) return
    const slots: { id: Buffer; slot: BookSlot }[] = []
    for await (const { key, value } of rowsOf(this.#batch, slotsOf(identity))) {
      slots.push({ id: idOf(key), slot: decode('book-slot', value) })
    }
    let room = most
    for (const { id, slot } of slots) {
      const listed = !slot.withdrawn && room-- > 0
      if (listed === slot.listed) continue
      await this.#list({ id, ...(await this.#record(id)) }, slot, listed)
      await this.#batch.put(slotKey(identity, id), encode('book-slot', slot))
    }
  }

  async #last(range: { gte: Buffer; lt: Buffer }): Promise<Buffer[]> {
    const last: Buffer[] = []
    for await (const { key } of rowsOf(this.#batch, { ...range, reverse: true, limit: 1 })) {
      last.push(idOf(key))
    }
    return last
  }

  async #record(id: Buffer): Promise<{ order: Order; bytes: Buffer }> {
    return readRecord((await rowAt(this.#batch, orderKey(id)))!.value)
  }

  async #slot(identity: Buffer, id: Buffer): Promise<BookSlot | null> {
    const entry = await rowAt(this.#batch, slotKey(identity, id))
    return entry && decode('book-slot', entry.value)
  }

  async #count(key: Buffer, change: BookCount): Promise<BookCount> {
    const entry = await rowAt(this.#batch, key)
    const count = entry ? decode('book-count', entry.value) : { slots: 0, live: 0 }
    count.slots += change.slots
    count.live += change.live
    if (count.slots > 0) await this.#batch.put(key, encode('book-count', count))
    else await this.#batch.del(key)
    return count
  }
}
