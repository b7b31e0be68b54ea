/**
 * Keys of the view, ordered as bytes: a prefix, then whole numbers big-endian, names after their length, keys and ids as
 * they are. The best of an index is where it begins.
 */
const PREFIX = {
  rules: 0,
  tick: 1,
  count: 2,
  relay: 3,
  writer: 4,
  ban: 5,
  order: 16,
  slot: 17,
  tally: 18,
  expiry: 19,
  ask: 32,
  bid: 33
} as const

const MAX_U64 = 0xffff_ffff_ffff_ffffn

export interface KeyRange {
  gte: Buffer
  lt: Buffer
}

const key = (prefix: number, ...parts: Buffer[]): Buffer => Buffer.concat([Buffer.of(prefix), ...parts])

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}

const under = (prefix: number): KeyRange => ({ gte: Buffer.of(prefix), lt: Buffer.of(prefix + 1) })

export const RULES = key(PREFIX.rules)
export const TICK = key(PREFIX.tick)
/** Key of the market's number of orders. */
export const COUNT = key(PREFIX.count)

export const relayKey = (device: Buffer): Buffer => key(PREFIX.relay, device)
export const writerKey = (writer: Buffer): Buffer => key(PREFIX.writer, writer)
export const banKey = (banned: Buffer): Buffer => key(PREFIX.ban, banned)
export const orderKey = (id: Buffer): Buffer => key(PREFIX.order, id)
export const slotKey = (identity: Buffer, id: Buffer): Buffer => key(PREFIX.slot, identity, id)
/** Key of an identity's number of orders. */
export const tallyKey = (identity: Buffer): Buffer => key(PREFIX.tally, identity)
export const expiryKey = (until: number, id: Buffer): Buffer => key(PREFIX.expiry, u64(BigInt(until)), id)

const ID_BYTES = 32

/** The id at the end of a key of an index. */
export const idOf = (indexKey: Buffer): Buffer => indexKey.subarray(indexKey.length - ID_BYTES)

export const allRelays = (): KeyRange => under(PREFIX.relay)
export const allOrders = (): KeyRange => under(PREFIX.order)

export function slotsOf(identity: Buffer): KeyRange {
  return { gte: slotKey(identity, Buffer.alloc(0)), lt: slotKey(identity, Buffer.alloc(ID_BYTES + 1, 0xff)) }
}

/** Range of the orders that have expired at `time`. */
export function expiredAt(time: number): KeyRange {
  return { gte: key(PREFIX.expiry), lt: key(PREFIX.expiry, u64(BigInt(time) + 1n)) }
}

function shelf(side: 'ask' | 'bid', resource: string, network: string): Buffer {
  return key(PREFIX[side], named(resource), named(network))
}

/** A name after its length in one byte; the bounds of an order keep it below 256. */
function named(name: string): Buffer {
  const bytes = Buffer.from(name, 'utf8')
  return Buffer.concat([Buffer.of(bytes.byteLength), bytes])
}

/** Asks stand with the lowest price first, bids with the highest. */
export function bookKey(
  side: 'ask' | 'bid',
  order: { resource: string; network: string; price: bigint },
  id: Buffer
): Buffer {
  const rank = side === 'ask' ? order.price : MAX_U64 - order.price
  return Buffer.concat([shelf(side, order.resource, order.network), u64(rank), id])
}

/** All asks or bids of a resource and a network, best first: asks up to the price of `worst`, bids down to it. */
export function bookRange(
  side: 'ask' | 'bid',
  resource: string,
  network: string,
  worst?: bigint
): { gte: Buffer; lte: Buffer } {
  const start = shelf(side, resource, network)
  const rank = worst === undefined ? MAX_U64 : side === 'ask' ? worst : MAX_U64 - worst
  return {
    gte: Buffer.concat([start, u64(0n)]),
    lte: Buffer.concat([start, u64(rank), Buffer.alloc(ID_BYTES, 0xff)])
  }
}
