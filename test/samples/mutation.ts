import { randomInt } from 'node:crypto'
import fc from 'fast-check'

/**
 * Seed of the run: BUSHEL_FUZZ_SEED repeats the one that a failure printed. BUSHEL_FUZZ_RUNS multiplies the
 * runs.
 */
export const SEED = Number(process.env['BUSHEL_FUZZ_SEED'] ?? randomInt(2 ** 31))
export const RUNS = Number(process.env['BUSHEL_FUZZ_RUNS'] ?? 1)

/** Options of every fuzz test: seed and number of runs. */
export function runs(count: number): { seed: number; numRuns: number } {
  return { seed: SEED, numRuns: Math.ceil(count * RUNS) }
}

/** False counts and lengths, as compact-encoding and the journals write them. */
const LENGTHS = [
  'fdffff',
  'feffffff7f',
  'feffffffff',
  'fe00001000',
  'fe0000ff00',
  'ffffffffffffff1f00',
  'ffffffffffffffffff',
  '00000000',
  'ffffffff',
  'ffffff7f'
].map(hex => Buffer.from(hex, 'hex'))

export type Mutation =
  | { kind: 'flip'; at: number; bits: number }
  | { kind: 'cut'; at: number }
  | { kind: 'drop'; at: number; size: number }
  | { kind: 'insert'; at: number; bytes: Uint8Array }
  | { kind: 'length'; at: number; which: number }
  | { kind: 'splice'; at: number; from: number }

const at = fc.nat()

export const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at, bits: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant('cut' as const), at }),
  fc.record({ kind: fc.constant('drop' as const), at, size: fc.integer({ min: 1, max: 40 }) }),
  fc.record({
    kind: fc.constant('insert' as const),
    at,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 40 })
  }),
  fc.record({ kind: fc.constant('length' as const), at, which: fc.nat(LENGTHS.length - 1) }),
  fc.record({ kind: fc.constant('splice' as const), at, from: at })
)

/** One or a few mutations. */
export const mutations = fc.array(mutation, { minLength: 1, maxLength: 3 })

export const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map(array => Buffer.from(array))

/** `bytes` after these mutations; splices take bytes from `other`. */
export function mutated(bytes: Buffer, list: readonly Mutation[], other = bytes): Buffer {
  return list.reduce((before, one) => apply(before, one, other), bytes)
}

function apply(bytes: Buffer, one: Mutation, other: Buffer): Buffer {
  const place = one.at % (bytes.byteLength + 1)
  const head = bytes.subarray(0, place)
  switch (one.kind) {
    case 'flip': {
      const copy = Buffer.from(bytes)
      if (copy.byteLength > 0) copy[one.at % copy.byteLength]! ^= one.bits
      return copy
    }
    case 'cut':
      return head
    case 'drop':
      return Buffer.concat([head, bytes.subarray(place + one.size)])
    case 'insert':
      return Buffer.concat([head, one.bytes, bytes.subarray(place)])
    case 'length':
      return Buffer.concat([head, LENGTHS[one.which]!, bytes.subarray(place + 1)])
    case 'splice':
      return Buffer.concat([head, other.subarray(one.from % (other.byteLength + 1))])
  }
}

/** `bytes` in pieces of these sizes, repeated. */
export function* pieces(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let at = 0, n = 0; at < bytes.byteLength; n++) {
    const size = sizes[n % sizes.length]!
    yield bytes.subarray(at, at + size)
    at += size
  }
}
