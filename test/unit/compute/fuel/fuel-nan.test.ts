import assert from 'node:assert/strict'
import test from 'node:test'
import { assemble, F64, I32, I64, op, V128 } from '../../../parts/compute/fuel/assembler.js'
import { guestOf, metered } from '../../../parts/compute/fuel/guest.js'

const F64_ADD = 0xa0
const F64_SUB = 0xa1
const load = [...op.i32(0), ...op.f64Load()]
const store = (at: number, value: number[]): number[] => [...op.i32(at), ...value, ...op.f64Store()]

test('loaded bits keep their NaN, and arithmetic leaves the canonical NaN', () => {
  const odd = 0xfff4_0000_0000_1234n
  const carried = [
    ...op.block(F64),
    ...op.get(0),
    ...op.get(0),
    ...op.i32(0),
    ...op.select,
    ...op.call(2),
    ...op.end
  ]
  const doubled = [...op.get(1), ...op.get(1), F64_ADD, ...op.set(1)]
  const parts = {
    functions: [
      { params: [I64], body: [...op.i32(0), ...op.get(0), ...op.i64Store()], export: 'put' },
      // through a local, a block, a select and a call
      {
        locals: [F64],
        body: [...load, ...op.set(0), ...store(8, carried)],
        export: 'carry'
      },
      { params: [F64], results: [F64], body: op.get(0) },
      // the same local holds arithmetic later on
      {
        locals: [F64],
        body: [...load, ...op.tee(0), ...op.get(0), F64_SUB, ...op.set(0), ...store(8, op.get(0))],
        export: 'subtract'
      },
      // one of the two, chosen by the argument
      {
        params: [I32],
        locals: [F64],
        body: [
          ...load,
          ...op.set(1),
          ...op.get(0),
          ...op.if(),
          ...doubled,
          ...op.end,
          ...store(8, op.get(1))
        ],
        export: 'either'
      }
    ]
  }
  const one = guestOf(parts)
  const bits = (): bigint => new DataView(one.memory.buffer).getBigUint64(8, true)
  one.call('put', BigInt.asIntN(64, odd))
  one.call('carry')
  assert.equal(bits(), odd)
  one.call('subtract')
  assert.equal(bits(), 0x7ff8_0000_0000_0000n)
  one.call('either', 0)
  assert.equal(bits(), odd)
  one.call('either', 1)
  assert.equal(bits(), 0x7ff8_0000_0000_0000n)
})

test('integer vectors that look like NaNs are unchanged beside arithmetic in the same local', () => {
  const ones = op.simd(12, ...Array<number>(16).fill(0xff))
  const body = [
    ...ones,
    ...op.set(1),
    ...op.get(0),
    ...op.if(),
    ...op.get(1),
    ...op.get(1),
    ...op.simd(240), // f64x2.add
    ...op.set(1),
    ...op.end,
    ...op.i32(0),
    ...op.get(1),
    ...op.simd(11, 4, 0)
  ]
  const one = guestOf({ functions: [{ params: [I32], locals: [V128], body, export: 'f' }] })
  const lane = (): bigint => new DataView(one.memory.buffer).getBigUint64(0, true)
  one.call('f', 0)
  assert.equal(lane(), 0xffff_ffff_ffff_ffffn)
  one.call('f', 1)
  assert.equal(lane(), 0x7ff8_0000_0000_0000n)
})

test('an accumulator in a loop is made canonical once, after the loop', () => {
  const sum = (results: number[], stored: number[]): Uint8Array =>
    assemble({
      memory: [0, 1],
      functions: [
        {
          params: [I32],
          locals: [results[0]!],
          body: [
            ...op.loop(),
            ...op.get(1),
            ...op.i32(64),
            ...(results[0] === F64 ? op.f64Load() : op.simd(0, 4, 0)),
            ...(results[0] === F64 ? [F64_ADD] : op.simd(240)),
            ...op.set(1),
            ...op.get(0),
            ...op.i32(1),
            ...op.i32Sub,
            ...op.tee(0),
            ...op.brIf(0),
            ...op.end,
            ...op.i32(0),
            ...op.get(1),
            ...stored
          ]
        }
      ]
    })
  const sequences = (bytes: Uint8Array, nan: number[]): number[] => {
    const text = Buffer.from(bytes)
    const places: number[] = []
    for (let at = text.indexOf(Buffer.from(nan)); at >= 0; at = text.indexOf(Buffer.from(nan), at + 1))
      places.push(at)
    return places
  }
  const scalar = metered(sum([F64], op.f64Store())).bytes
  assert.equal(sequences(scalar, op.f64Bits(0x7ff8_0000_0000_0000n)).length, 1)
  assert.ok(
    sequences(scalar, op.f64Bits(0x7ff8_0000_0000_0000n))[0]! > sequences(scalar, [F64_ADD, 0x21, 1])[0]!
  )
  const vector = metered(sum([V128], op.simd(11, 4, 0))).bytes
  assert.equal(sequences(vector, [0xfd, 12, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f]).length, 1)
})

test('arithmetic is canonical where it is passed, returned, set to a global or seen in the next iteration', () => {
  const nan = [...op.get(0), ...op.get(0), 0xa3] // f64.div of zeros
  const one = guestOf({
    functions: [
      { params: [F64], body: store(0, op.get(0)) },
      { params: [F64], results: [F64], body: nan },
      {
        params: [F64],
        locals: [F64, I32],
        body: [
          ...nan,
          ...op.call(0),
          ...store(8, [...op.get(0), ...op.call(1)]),
          ...nan,
          ...op.globalSet(0),
          ...store(16, op.globalGet(0)),
          ...op.loop(),
          ...store(24, op.get(1)),
          ...nan,
          ...op.set(1),
          ...op.get(2),
          ...op.i32(1),
          ...op.i32Add,
          ...op.tee(2),
          ...op.i32(2),
          0x48, // i32.lt_s
          ...op.brIf(0),
          ...op.end
        ],
        export: 'f'
      }
    ],
    globals: [{ type: F64, init: op.f64(1) }]
  })
  one.call('f', 0)
  const view = new DataView(one.memory.buffer)
  for (const at of [0, 8, 16, 24])
    assert.equal(view.getBigUint64(at, true), 0x7ff8_0000_0000_0000n, `at ${at}`)
})
