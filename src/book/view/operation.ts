import { decode, encode } from '../../../contracts/schema/codec.js'
import type { StructOf } from '../../../contracts/schema/codec.js'
import { BushelError } from '../../../contracts/errors/error.js'

/** Operations of a writer. All but `orders` are administration and only valid from the founder's writer. */
const TYPES = ['rules', 'tick', 'admission', 'ban', 'orders'] as const
const STRUCTS = {
  rules: 'market-rules',
  tick: 'tick',
  admission: 'admission',
  ban: 'ban',
  orders: 'order-batch'
} as const

export type OperationType = (typeof TYPES)[number]
type Body<T extends OperationType> = StructOf<(typeof STRUCTS)[T]>
export type BookOperation = { [T in OperationType]: { type: T; body: Body<T> } }[OperationType]

/** Longest block of a writer that apply reads; about sixty orders of the longest kind. */
export const MAX_OPERATION_BYTES = 128 * 1024

export function encodeOperation<T extends OperationType>(type: T, body: Body<T>): Buffer {
  return encode('market-operation', { type: TYPES.indexOf(type), body: encode(STRUCTS[type], body as never) })
}

/** Decodes an operation; null when the bytes are not one. Never throws. */
export function decodeOperation(bytes: Buffer): BookOperation | null {
  try {
    const { type, body } = decode('market-operation', bytes, MAX_OPERATION_BYTES)
    const name = TYPES[type]
    return name ? ({ type: name, body: decode(STRUCTS[name], body) } as BookOperation) : null
  } catch (error) {
    if (error instanceof BushelError) return null // malformed
    throw error
  }
}
