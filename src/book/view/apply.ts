import type { Admission, MarketRules } from '#spec'
import { decode, encode } from '../../../contracts/schema/codec.js'
import { checkOrder } from '../../../contracts/order.js'
import { HOUR } from '../../../contracts/money/quantity.js'
import { rowAt } from './database.js'
import type { ViewBatch, ViewDatabase } from './database.js'
import { RULES, TICK, banKey, relayKey, writerKey } from './keys.js'
import { decodeOperation } from './operation.js'
import type { BookOperation } from './operation.js'
import { areSound, lifetimeBits } from './rules.js'
import { OrderSlots, standsUntil } from './slots.js'

/** Largest step from one tick to the next, ms. */
export const TICK_STEP = HOUR
/** Most orders removed at one tick, so that none takes long. */
export const EXPIRED_PER_TICK = 500
/** The largest Date, ms since 1970. */
const MAX_TIME = 8.64e15

/** A block of a writer, from the base. */
export interface LogEntry {
  from: { key: Buffer }
  value: Buffer
}

/** The part of the base that apply uses. */
export interface ApplyHost {
  /** The base's key, which is the key of the founder's writer. */
  readonly key: Buffer
  addWriter(key: Buffer, options: { indexer: boolean }): Promise<void>
  removeWriter(key: Buffer): Promise<void>
}

/**
 * Reduces the writers' blocks to the view. It is deterministic and never throws on data: blocks that are malformed,
 * unsigned, against the rules or from an unauthorized writer are skipped.
 */
export async function apply(
  entries: readonly LogEntry[],
  view: ViewDatabase,
  host: ApplyHost
): Promise<void> {
  const batch = view.batch({ update: false })
  for (const { from, value } of entries) {
    const operation = decodeOperation(value)
    if (!operation) continue
    if (operation.type === 'orders') await applyOrders(operation.body.orders, batch, host.key)
    else if (from.key.equals(host.key)) await administer(operation, batch, host)
  }
  await batch.flush()
}

async function administer(
  operation: Exclude<BookOperation, { type: 'orders' }>,
  batch: ViewBatch,
  host: ApplyHost
): Promise<void> {
  const rules = await rulesIn(batch)
  if (operation.type === 'rules') {
    if (rules || !areSound(operation.body)) return
    await batch.put(RULES, encode('market-rules', operation.body))
  } else if (rules) {
    if (operation.type === 'tick') await applyTick(operation.body.time, batch, rules)
    else if (operation.type === 'admission') await admit(operation.body, batch, rules, host)
    else await ban(operation.body.key, batch, rules, host)
  }
}

async function applyTick(time: number, batch: ViewBatch, rules: MarketRules): Promise<void> {
  const last = await tickIn(batch)
  if (time > MAX_TIME || (last > 0 && (time <= last || time > last + TICK_STEP))) return
  await batch.put(TICK, encode('tick', { time }))
  await new OrderSlots(batch, rules).expire(time, EXPIRED_PER_TICK)
}

/** Admits a relay: one device with one writer, which does not sign the view; only the founder does. */
async function admit(
  admission: Admission,
  batch: ViewBatch,
  rules: MarketRules,
  host: ApplyHost
): Promise<void> {
  const { device, writer, indexer } = admission
  if (indexer || device.equals(rules.founder) || writer.equals(host.key)) return
  if ((await isBanned(batch, device)) || (await isBanned(batch, writer))) return
  const holder = await rowAt(batch, writerKey(writer))
  if (holder && !holder.value.equals(device)) return
  const former = await rowAt(batch, relayKey(device))
  if (former && holder) return // admitted already
  if (former) await expel(decode('admission', former.value), batch, host)
  await batch.put(relayKey(device), encode('admission', admission))
  await batch.put(writerKey(writer), device)
  await host.addWriter(writer, { indexer: false })
}

/** Bans an identity, a device or a writer; a banned relay loses its writer. */
async function ban(key: Buffer, batch: ViewBatch, rules: MarketRules, host: ApplyHost): Promise<void> {
  if (key.equals(rules.founder) || key.equals(host.key)) return
  await batch.put(banKey(key), encode('ban', { key }))
  const device = (await rowAt(batch, writerKey(key)))?.value ?? key
  const relay = await rowAt(batch, relayKey(device))
  if (relay) await expel(decode('admission', relay.value), batch, host)
}

async function expel(relay: Admission, batch: ViewBatch, host: ApplyHost): Promise<void> {
  await batch.del(relayKey(relay.device))
  await batch.del(writerKey(relay.writer))
  await host.removeWriter(relay.writer)
}

async function applyOrders(orders: Buffer[], batch: ViewBatch, market: Buffer): Promise<void> {
  const rules = await rulesIn(batch)
  const tick = await tickIn(batch)
  if (!rules || tick === 0) return
  const slots = new OrderSlots(batch, rules)
  for (const bytes of orders) {
    const check = checkOrder(bytes, orderRules(market, rules))
    if (!check.ok) continue
    const { order } = check.verified
    if (standsUntil(order, rules) <= tick || isTooFar(order, tick, rules)) continue
    if ((await isBanned(batch, order.identity)) || (await isBanned(batch, order.device))) continue
    await slots.put(check.verified)
  }
}

/** True for an order from the far future; false for a new order even when ticks are late by a whole lifetime. */
export function isTooFar(order: { expires: number }, tick: number, rules: MarketRules): boolean {
  return order.expires > tick + 2 * rules.maxLifetime
}

/** The rules that a record must meet in this market. */
export function orderRules(market: Buffer, rules: MarketRules): Parameters<typeof checkOrder>[1] {
  return {
    market,
    maxRecordBytes: rules.maxRecordBytes,
    maxLifetime: rules.maxLifetime,
    stampBits: order => lifetimeBits(rules, order)
  }
}

async function rulesIn(batch: ViewBatch): Promise<MarketRules | null> {
  const entry = await rowAt(batch, RULES)
  return entry && decode('market-rules', entry.value)
}

async function tickIn(batch: ViewBatch): Promise<number> {
  const entry = await rowAt(batch, TICK)
  return entry ? decode('tick', entry.value).time : 0
}

async function isBanned(batch: ViewBatch, key: Buffer): Promise<boolean> {
  return (await rowAt(batch, banKey(key))) !== null
}
