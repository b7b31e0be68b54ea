import fc from 'fast-check'
import type { StructName } from '../../contracts/schema/codec.js'
import { structs } from '../../contracts/schema/schema.js'
import type { Field } from '../../contracts/schema/schema.js'

const bytes = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map(array => Buffer.from(array))

/** Safe integers, including the ends and the borders between encodings. */
export const uint = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(300),
  fc.constantFrom(0, 0xfc, 0xfd, 0xffff, 0x10000, 0xffffffff, 0x100000000, Number.MAX_SAFE_INTEGER)
)

/** Half of the safe integers on either side of 0, since the encoding doubles them. */
const int = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.constantFrom(0, 1, -1, 2 ** 52 - 1, -(2 ** 52 - 1))
)

const plain: Record<string, fc.Arbitrary<unknown>> = {
  uint,
  int,
  bool: fc.boolean(),
  string: fc.string({ unit: 'grapheme', maxLength: 40 }),
  // An empty one cannot be told from an absent one.
  buffer: fc.uint8Array({ minLength: 1, maxLength: 40 }).map(array => Buffer.from(array)),
  fixed32: bytes(32),
  fixed64: bytes(64),
  biguint64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
}

const byName = new Map(structs.map(struct => [`@bushel/${struct.name}`, struct]))

function valueOf(field: Field): fc.Arbitrary<unknown> {
  const inner = byName.get(field.type)
  const one = inner ? structOf(inner.name) : plain[field.type]
  if (!one) throw new Error(`no arbitrary for ${field.type}`)
  if (field.array) return fc.array(one, { maxLength: 4 })
  // An optional zero or empty text cannot be told from an absent one.
  return field.required ? one : one.filter(value => value !== 0 && value !== 0n && value !== '')
}

/** Any value of a struct, from its declaration. */
export function structOf(name: string): fc.Arbitrary<unknown> {
  const { fields } = byName.get(`@bushel/${name}`)!
  const required = fields.filter(field => field.required).map(field => field.name)
  const model = Object.fromEntries(fields.map(field => [field.name, valueOf(field)]))
  return fc.record(model, { requiredKeys: required })
}

export const names = structs.map(struct => struct.name as StructName)
