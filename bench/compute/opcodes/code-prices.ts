import { FUNCREF, I32, I64, op, u32 } from '../../../test/parts/compute/fuel/assembler.js'
import { below, congruential, i64, looped, programOf, RANDOM, repeated, tableOf, xorshift } from './loops.js'
import type { Priced } from './loops.js'

const jumped = { params: [I32, I64], results: [I64] }

/** A function of about `bytes` bytes of code, of which a call with 0 runs the first few only. */
const long = (bytes: number) => ({
  ...jumped,
  type: 0,
  body: [
    ...op.get(0),
    ...op.if(),
    ...repeated(Math.ceil(bytes / 8), [...op.get(1), ...op.i64(0x1234567n), ...i64.mul, ...op.set(1)]),
    ...op.end,
    ...op.get(1),
    ...op.i64(1n),
    ...i64.add
  ]
})

function jumping(count: number, bytes: number, times: number): Uint8Array {
  return programOf(
    times,
    // the next function depends on what the one before gave
    [
      ...congruential,
      ...op.i32(0),
      ...op.get(RANDOM),
      ...below(count),
      ...op.callIndirect(0),
      ...op.set(RANDOM)
    ],
    {
      types: [jumped],
      functions: Array<ReturnType<typeof long>>(count).fill(long(bytes)),
      tables: [tableOf(count, FUNCREF)],
      elements: [
        [0, ...op.i32(0), 0x0b, ...u32(count), ...Array.from({ length: count }, (_, i) => u32(i + 1)).flat()]
      ]
    }
  )
}

/** Calls `count` functions one after the other, each some way from the one before. */
function calling(count: number, bytes: number, times: number): Uint8Array {
  const functions = Array<ReturnType<typeof long>>(count).fill(long(bytes))
  const order = Array.from({ length: count }, (_, i) => ((i * 7919) % count) + 1)
  return programOf(
    times,
    order.flatMap(i => [...op.i32(0), ...op.get(RANDOM), ...op.call(i), ...op.set(RANDOM)]),
    {
      types: [jumped],
      functions
    }
  )
}

export const CODE_PRICES: Priced[] = [
  { name: 'a call', module: () => calling(16, 16, 300_000) },
  { name: 'calls through 1 MiB of code', module: () => calling(4096, 256, 300) },
  { name: 'calls through 8 MiB of code', module: () => calling(32_749, 256, 40) },
  { name: 'an indirect call', module: () => jumping(16, 16, 2_000_000) },
  { name: 'indirect calls into 1 MiB of code', module: () => jumping(4096, 256, 1_000_000) },
  { name: 'indirect calls into 8 MiB of code', module: () => jumping(32_768, 256, 1_000_000) },
  {
    name: 'branches that nobody foresees',
    module: () =>
      programOf(5_000_000, [
        ...congruential,
        ...below(2),
        ...op.if(),
        ...op.get(3),
        ...op.i32(1),
        ...op.i32Add,
        ...op.set(3),
        ...op.end
      ])
  },
  {
    name: 'br_table that nobody foresees',
    module: () =>
      programOf(5_000_000, [
        ...congruential,
        ...repeated(17, op.block()),
        ...below(16),
        ...op.brTable(
          Array.from({ length: 16 }, (_, i) => i),
          16
        ),
        ...Array.from({ length: 17 }, (_, i) => [
          ...op.end,
          ...op.get(3),
          ...op.i32(i),
          ...op.i32Add,
          ...op.set(3)
        ]).flat()
      ])
  },
  { name: 'an inner loop of one round', module: () => programOf(1_000_000, looped(1, xorshift, 3)) }
]
