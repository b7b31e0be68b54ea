import { I32, op } from '../../../test/parts/compute/fuel/assembler.js'
import {
  ADDRESS,
  below,
  congruential,
  COUNTER,
  i32,
  i64,
  looped,
  pages,
  programOf,
  RANDOM,
  repeated,
  xorshift
} from './loops.js'
import type { Priced } from './loops.js'

const PAGE = 65_536
const MIB_PAGES = 16
const grow = (by: number): number[] => [...op.i32(by), 0x40, 0, ...op.drop]
const fill = (length: number): number[] => [...op.i32(0), ...op.i32(7), ...op.i32(length), ...op.bulk(11, 0)]
const copy = (length: number): number[] => [
  ...op.i32(0),
  ...op.i32(length),
  ...op.i32(length),
  ...op.bulk(10, 0, 0)
]
const init = (length: number): number[] => [
  ...op.i32(0),
  ...op.i32(0),
  ...op.i32(length),
  ...op.bulk(8, 0, 0)
]
const data = [[1, ...[0x80, 0x80, 0x04], ...Array<number>(PAGE).fill(1)]]

/** Each load gives the address of the next one: a walk through all cache lines of `mib` MiB, in an order that no processor foresees. */
function chase(mib: number, load: readonly number[]): Uint8Array {
  const lines = (mib * PAGE * MIB_PAGES) / 64
  // line n leads to line (n * a + c) mod lines: all of them, once, as a is 1 mod 4 and c is odd
  const next = [
    ...op.get(COUNTER),
    ...op.i32(1_664_525),
    ...i32.mul,
    ...op.i32(1_013_904_223),
    ...op.i32Add,
    ...op.i32(lines - 1),
    ...i32.and
  ]
  const shifted = [...op.i32(6), 0x74]
  return programOf(Math.max(2_000_000, 4 * lines), [...op.get(ADDRESS), ...load, ...op.set(ADDRESS)], {
    memory: pages(mib * MIB_PAGES + 1),
    before: looped(lines, [...op.get(COUNTER), ...shifted, ...next, ...shifted, ...op.i32Store()])
  })
}

const honest = [
  ...xorshift,
  ...op.get(RANDOM),
  ...op.i64(65_528n - 32n),
  ...i64.and,
  ...i64.wrap,
  ...op.get(RANDOM),
  ...op.get(RANDOM),
  ...op.i64(32_760n),
  ...i64.and,
  ...i64.wrap,
  ...op.i64Load(),
  ...i64.add,
  ...op.i64Store()
]

/** Random numbers, and a load and a store in a memory that fits every cache. */
export const HONEST: Priced = { name: 'an honest loop', module: () => programOf(50_000_000, honest) }

export const MEMORY_PRICES: Priced[] = [
  { name: 'memory.grow(1)', module: () => programOf(4000, grow(1)) },
  { name: 'memory.grow(0)', module: () => programOf(20_000, grow(0)) },
  { name: 'memory.grow(0) of 255 MiB', module: () => programOf(4000, grow(0), { memory: pages(4080) }) },
  { name: 'memory.grow(255)', module: () => programOf(15, grow(255)) },
  { name: 'memory.grow, refused', module: () => programOf(1_000_000, grow(5000)) },
  {
    name: 'the first touch of a page',
    module: () =>
      programOf(65_000, [...op.get(COUNTER), ...op.i32(12), 0x74, ...op.get(COUNTER), ...op.i32Store()], {
        memory: pages(4080)
      })
  },
  {
    name: 'the first touch of a page that was grown',
    module: () =>
      programOf(65_000, [...op.get(COUNTER), ...op.i32(12), 0x74, ...op.get(COUNTER), ...op.i32Store()], {
        before: grow(4079)
      })
  },
  ...[1, 2, 4, 8, 16, 32, 64, 255].map(mib => ({
    name: `dependent loads in ${mib} MiB`,
    module: () => chase(mib === 255 ? 128 : mib, op.i32Load())
  })),
  {
    name: 'dependent loads in 128 of 255 MiB, across cache lines',
    module: () =>
      chase(128, [...op.i64Load(60), ...i64.wrap, ...op.drop, ...op.get(ADDRESS), ...op.i32Load()])
  },
  ...[4, 64, 128].map(mib => ({
    name: `random stores in ${mib} MiB`,
    module: () =>
      programOf(3_000_000, [...congruential, ...below(mib << 20), ...op.i64(1n), ...op.i64Store()], {
        memory: pages(mib * MIB_PAGES + 1),
        before: [...op.i32(0), ...op.i32(7), ...op.i32(mib << 20), ...op.bulk(11, 0)]
      })
  })),
  {
    name: 'random loads in 128 MiB',
    module: () =>
      programOf(3_000_000, [...congruential, ...below(128 << 20), ...op.i64Load(), ...op.set(RANDOM)], {
        memory: pages(128 * MIB_PAGES + 1),
        before: [...op.i32(0), ...op.i32(7), ...op.i32(128 << 20), ...op.bulk(11, 0)]
      })
  },
  { name: 'memory.fill(0)', module: () => programOf(200_000, repeated(16, fill(0))) },
  { name: 'memory.fill(8)', module: () => programOf(200_000, repeated(16, fill(8))) },
  { name: 'memory.fill(64 KiB)', module: () => programOf(20_000, fill(PAGE)) },
  { name: 'memory.fill(128 MiB)', module: () => programOf(10, fill(128 << 20), { memory: pages(2048) }) },
  { name: 'memory.copy(0)', module: () => programOf(200_000, repeated(16, copy(0))) },
  { name: 'memory.copy(8)', module: () => programOf(200_000, repeated(16, copy(8))) },
  { name: 'memory.copy(32 KiB)', module: () => programOf(40_000, copy(PAGE / 2)) },
  { name: 'memory.copy(100 MiB)', module: () => programOf(10, copy(100 << 20), { memory: pages(3300) }) },
  {
    name: 'memory.copy(1) at random in 128 MiB',
    module: () =>
      programOf(
        2_000_000,
        [...congruential, ...op.i32(0), ...below(128 << 20), ...op.i32(1), ...op.bulk(10, 0, 0)],
        {
          memory: pages(2048),
          before: fill(128 << 20)
        }
      )
  },
  { name: 'memory.init(0)', module: () => programOf(200_000, repeated(16, init(0)), { data }) },
  { name: 'memory.init(8)', module: () => programOf(200_000, repeated(16, init(8)), { data }) },
  { name: 'memory.init(64 KiB)', module: () => programOf(20_000, init(PAGE), { data }) },
  {
    name: 'memory.size and data.drop',
    module: () => programOf(500_000, repeated(8, [0x3f, 0, ...op.drop, ...op.bulk(9, 0)]), { data })
  },
  {
    name: 'a recursion that fills the stack',
    module: () =>
      programOf(300, [...op.i32(20_000), ...op.call(1)], {
        functions: [
          {
            params: [I32],
            locals: [],
            body: [
              ...op.get(0),
              ...op.if(),
              ...op.get(0),
              ...op.i32(1),
              ...op.i32Sub,
              ...op.call(1),
              ...op.end
            ]
          }
        ]
      })
  }
]
