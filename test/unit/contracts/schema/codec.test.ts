import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decode, decodeOwn, domain, encode, hashOf } from '../../../../contracts/schema/codec.js'
import type { StructName } from '../../../../contracts/schema/codec.js'
import { BushelError } from '../../../../contracts/errors/error.js'
import { endsOptional } from '../../../../contracts/schema/growing.js'
import { structs } from '../../../../contracts/schema/schema.js'
import { names, structOf } from '../../../samples/arbitraries.js'

const malformed = (error: unknown): boolean => error instanceof BushelError && error.code === 'MALFORMED'

/** Hostile bytes are refused as MALFORMED or are the canonical bytes of their decoded value. */
function refusedOrCanonical(name: StructName, bytes: Buffer): void {
  let value: unknown
  try {
    value = decode(name, bytes)
  } catch (error) {
    assert.ok(malformed(error), `${name}: ${String(error)}`)
    return
  }
  assert.deepEqual(encode(name, value as never), bytes)
}

/** The value without absent fields: an absent optional field reads as null, zero or empty text. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('hex')
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).map(([key, inner]) => [key, plain(inner)] as const)
  return Object.fromEntries(
    entries.filter(
      ([, inner]) => inner !== null && inner !== undefined && inner !== 0 && inner !== 0n && inner !== ''
    )
  )
}

/** Structs that may end before their optional fields. */
const growing = new Set(structs.filter(endsOptional).map(({ name }) => name))

test('every struct reads back as it was written, and only from its own bytes', () => {
  assert.ok(names.length > 50)
  for (const name of names) {
    fc.assert(
      fc.property(structOf(name), fc.nat(), fc.integer({ min: 1, max: 255 }), (value, place, flip) => {
        const bytes = encode(name, value as never)
        const read = decode(name, bytes)
        assert.deepEqual(plain(read), plain(value), name)
        assert.deepEqual(encode(name, read), bytes, name)

        assert.throws(
          () => decode(name, Buffer.concat([bytes, Buffer.from([0])])),
          malformed,
          `${name}, trailing`
        )
        const truncated = bytes.subarray(0, -1)
        // Without its last byte a value may be one without its optional fields.
        if (growing.has(name)) refusedOrCanonical(name, truncated)
        else assert.throws(() => decode(name, truncated), malformed, `${name}, truncated`)
        const mutated = Buffer.from(bytes)
        mutated[place % bytes.byteLength]! ^= flip
        refusedOrCanonical(name, mutated)
        refusedOrCanonical(name, bytes.subarray(0, place % bytes.byteLength))
      }),
      { numRuns: 25 }
    )
  }
})

test('random bytes are malformed or canonical', () => {
  for (const name of names) {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), array => refusedOrCanonical(name, Buffer.from(array))),
      { numRuns: 25 }
    )
  }
})

test('bytes of our own are decoded as those of a peer are, and refused when some are missing or follow', () => {
  for (const name of names) {
    fc.assert(
      fc.property(structOf(name), value => {
        const bytes = encode(name, value as never)
        assert.deepEqual(decodeOwn(name, bytes), decode(name, bytes))
        assert.throws(() => decodeOwn(name, Buffer.concat([bytes, Buffer.from([0, 0])])), malformed)
      }),
      { numRuns: 10 }
    )
  }
  const bytes = encode('msat-sum', { msat: 1n })
  assert.throws(() => decodeOwn('msat-sum', bytes.subarray(0, 7)), malformed)
})

test('a false count is refused at once', () => {
  // An array of 2^32 - 1 and one of a million, of each struct that begins with one.
  for (const name of ['order-batch', 'order-verdicts', 'book-heads', 'order-submission'] as const) {
    for (const head of ['feffffffff', 'fe00001000', 'ffffffffffffff1f00']) {
      assert.throws(
        () => decode(name, Buffer.concat([Buffer.from(head, 'hex'), Buffer.alloc(64)])),
        malformed,
        name
      )
    }
  }
})

test('a list longer than a peer may send is refused before its first entry is read', () => {
  const bounded = structs.flatMap(({ name, fields }) =>
    fields.filter(({ array }) => array).map(({ name: field, most }) => ({ name, field, most }))
  )
  const own = bounded.filter(({ most }) => most === undefined).map(({ name }) => name)
  assert.deepEqual(
    [...new Set(own)],
    ['token-file', 'audit-record', 'mirror-job', 'exported-lease', 'mirror-export', 'run-record'],
    'no peer sends these'
  )
  for (const { name, field, most } of bounded) {
    if (most === undefined) continue
    const [some] = fc.sample(structOf(name), 1) as Record<string, unknown[]>[]
    const [one] = fc.sample(
      structOf(name).filter(value => (value as Record<string, unknown[]>)[field]!.length > 0),
      1
    ) as Record<string, unknown[]>[]
    const of = (count: number): Buffer =>
      encode(name as StructName, { ...some, [field]: Array(count).fill(one![field]![0]) } as never)
    assert.equal(
      (decode(name as StructName, of(most), 64 << 20) as Record<string, unknown[]>)[field]!.length,
      most
    )
    assert.throws(() => decode(name as StructName, of(most + 1), 64 << 20), malformed, `${name}.${field}`)
  }
})

test('an audit answer with too many proofs takes no memory', () => {
  // An empty proof in its frame: twelve MiB hold two million of them.
  const nothing = Buffer.from([5, 0, 0, 0, 0, 0])
  const count = Buffer.from('fe00001000', 'hex')
  const bytes = Buffer.concat([Buffer.alloc(32), count, Buffer.alloc(6 << 20, nothing)])
  const before = process.memoryUsage().heapUsed
  assert.throws(() => decode('audit-proof', bytes, 12 << 20), malformed)
  assert.ok(process.memoryUsage().heapUsed - before < 1 << 20)
})

test('a number in a longer encoding than needed is refused', () => {
  assert.deepEqual(decode('tick', Buffer.from([5])), { time: 5 })
  for (const long of ['fd0500', 'fe05000000', 'ff0500000000000000']) {
    assert.throws(() => decode('tick', Buffer.from(long, 'hex')), malformed)
  }
  assert.throws(() => decode('tick', Buffer.from('ffffffffffffffffff', 'hex')), malformed, 'above 2^53')
})

test('an unknown flag is refused', () => {
  const admission = encode('admission', { device: Buffer.alloc(32), writer: Buffer.alloc(32), indexer: true })
  admission[admission.byteLength - 1]! |= 2
  assert.throws(() => decode('admission', admission), malformed)
})

test('missing and extra bytes are malformed', () => {
  assert.throws(() => decode('tick', null), malformed)
  assert.throws(() => decode('tick', undefined), malformed)
  assert.throws(() => decode('tick', Buffer.alloc(0)), malformed)
  const order = encode('order-batch', { orders: [Buffer.alloc(100)] })
  assert.throws(() => decode('order-batch', order, 101), malformed)
  assert.deepEqual(decode('order-batch', order, 102).orders[0]!.byteLength, 100)
})

test('the hash of a struct belongs to its kind and covers all of its fields', () => {
  const reference = { agreement: Buffer.alloc(32, 1) }
  assert.deepEqual(hashOf('agreement-reference', reference), hashOf('agreement-reference', { ...reference }))
  assert.notDeepEqual(hashOf('agreement-reference', reference), hashOf('ban', { key: reference.agreement }))
  const domains = names.map(name => domain(name).toString('hex'))
  assert.equal(new Set(domains).size, names.length)
})
