import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import IdentityKey from 'keet-identity-key'
import type { Order, SignedOrder } from '#spec'
import { attests } from './keys/attestation.js'
import { decode, domain, encode } from './schema/codec.js'
import { MAX_MSAT } from './money/money.js'

export const SIDE = { ask: 0, bid: 1 } as const

/** Size of the largest signed order that is read, whatever the market's rules allow. */
export const MAX_ORDER_BYTES = 2048
/** Size of the largest body of an order. Only the order's resource can read it; the book does not. */
export const MAX_BODY_BYTES = 1024
const MAX_TEXT = 64
/** The id of a resource, such as `storage`. */
const RESOURCE_ID = /^[a-z][a-z0-9-]{0,15}$/

/** True for a name that a resource can have on the wire. */
export function isResourceId(id: string): boolean {
  return RESOURCE_ID.test(id)
}

/** An order whose form, bounds, stamp and signature were checked. */
export interface VerifiedOrder {
  id: Buffer
  order: Order
  signed: SignedOrder
  /** The canonical bytes of the signed record. */
  bytes: Buffer
}

export type OrderCheck = { ok: true; verified: VerifiedOrder } | { ok: false; code: string; reason: string }

/** The id of an order. It commits to market, identity and nonce, so no other identity can use the same id. */
export function orderId(order: Pick<Order, 'market' | 'identity' | 'nonce'>): Buffer {
  return crypto.hash([domain('order-id'), order.market, order.identity, order.nonce])
}

/** True when both say the same, whatever their stamps. */
export function isSameOrder(one: Order, other: Order | null): boolean {
  return other !== null && encode('order', one).equals(encode('order', other))
}

/** The hash that the stamp is computed over: the whole record except the stamp. */
function stampBase(order: Buffer, proof: Buffer): Buffer {
  return crypto.hash([domain('stamp'), order, proof])
}

/** Leading zero bits of the stamp: hashcash (Back 1997) over the record, which names the market, and a tick. */
export function stampStrength(signed: SignedOrder): number {
  return strength(stampBase(signed.order!, signed.proof!), signed.stampTick, signed.stampNonce)
}

function strength(base: Buffer, tick: number, nonce: number): number {
  const tail = Buffer.alloc(16)
  tail.writeBigUInt64LE(BigInt(tick), 0)
  tail.writeBigUInt64LE(BigInt(nonce), 8)
  const hash = crypto.hash([base, tail])
  let bits = 0
  for (const byte of hash) {
    if (byte === 0) {
      bits += 8
      continue
    }
    return bits + Math.clz32(byte) - 24
  }
  return bits
}

/**
 * Signs an order and computes its stamp. A stamp of `bits` takes about 2^bits hashes, at 1 to 2 million a second; the
 * search yields to the event loop every 4096 hashes.
 */
export async function signOrder(
  order: Order,
  signer: { device: KeyPair; proof: Buffer },
  stamp: { tick: number; bits: number }
): Promise<Buffer> {
  const bytes = encode('order', order)
  const proof = IdentityKey.attestData(crypto.hash([domain('order'), bytes]), signer.device, signer.proof)
  const base = stampBase(bytes, proof)
  for (let nonce = 0; ; nonce++) {
    if (strength(base, stamp.tick, nonce) >= stamp.bits) {
      return encode('signed-order', { order: bytes, proof, stampTick: stamp.tick, stampNonce: nonce })
    }
    if (nonce % 4096 === 4095) await new Promise(resolve => setImmediate(resolve))
  }
}

/** The rules of a market for one record, except its signature. */
export interface OrderRules {
  market: Buffer
  maxRecordBytes: number
  maxLifetime: number
  stampBits: (order: Order) => number
}

/**
 * Checks everything about a signed order that needs neither a clock nor the book nor its resource: canonical form,
 * market, bounds, stamp and, last because it takes longest, attestation and signature. The body stays opaque, so that
 * nodes that know other resources hold the same book. Never throws.
 */
export function checkOrder(bytes: Buffer, rules: OrderRules): OrderCheck {
  const read = readOrder(bytes, rules)
  return read.ok ? checkSignature(read.verified) : read
}

/** The fast part of checkOrder: everything except the signature, so the result is not verified yet. Never throws. */
export function readOrder(bytes: Buffer, rules: OrderRules): OrderCheck {
  let signed: SignedOrder
  let order: Order
  try {
    signed = decode('signed-order', bytes, Math.min(rules.maxRecordBytes, MAX_ORDER_BYTES))
    order = decode('order', signed.order)
  } catch (error) {
    return refuse('MALFORMED', error instanceof Error ? error.message : String(error))
  }
  if (!order.market.equals(rules.market)) return refuse('OTHER_MARKET', 'it is for another market')
  const bad = boundsOf(order, rules.maxLifetime)
  if (bad) return refuse('OUT_OF_BOUNDS', bad)
  const bits = rules.stampBits(order)
  if (stampStrength(signed) < bits) return refuse('STAMP', `its stamp is below ${bits} bits`)
  return { ok: true, verified: { id: orderId(order), order, signed, bytes } }
}

/** The slow part of checkOrder, about 0.4 ms: attestation and signature of a record that readOrder accepted. */
export function checkSignature(read: VerifiedOrder): OrderCheck {
  const signed = crypto.hash([domain('order'), read.signed.order!])
  if (!attests(read.signed.proof, signed, read.order)) return refuse('FORGED', 'its signature is invalid')
  return { ok: true, verified: read }
}

function refuse(code: string, reason: string): OrderCheck {
  return { ok: false, code, reason }
}

function boundsOf(order: Order, maxLifetime: number): string | null {
  if (order.side !== SIDE.ask && order.side !== SIDE.bid) return 'it is neither ask nor bid'
  if (!isResourceId(order.resource)) return 'its resource has no valid name'
  if (order.body!.byteLength > MAX_BODY_BYTES) return `its body is larger than ${MAX_BODY_BYTES} bytes`
  if (!order.withdrawn && (order.price <= 0n || order.price > MAX_MSAT)) return 'its price is out of bounds'
  if (order.expires <= order.created) return 'it expires before it was created'
  if (order.expires - order.created > maxLifetime) return 'it lives longer than the market allows'
  if (order.network.length === 0 || order.network.length > MAX_TEXT)
    return 'the name of its network is empty or too long'
  return null
}
