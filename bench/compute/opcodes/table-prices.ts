import { EXTERNREF } from '../../../src/compute/fuel/wasm/types.js'
import { FUNCREF, op, u32 } from '../../../test/parts/compute/fuel/assembler.js'
import { below, congruential, i64, passive, programOf, RANDOM, repeated, tableOf } from './loops.js'
import type { Priced } from './loops.js'

const NULL = [0xd0, FUNCREF]
const NULL_EXTERN = [0xd0, EXTERNREF]
const FUNC = [0xd2, 1]
const fill = (value: readonly number[], length: number): number[] => [
  ...op.i32(0),
  ...value,
  ...op.i32(length),
  ...op.bulk(17, 0)
]
const copy = (length: number): number[] => [
  ...op.i32(0),
  ...op.i32(500),
  ...op.i32(length),
  ...op.bulk(14, 0, 0)
]
const init = (length: number): number[] => [
  ...op.i32(0),
  ...op.i32(0),
  ...op.i32(length),
  ...op.bulk(12, 0, 0)
]
const grow = (value: readonly number[], by: number): number[] => [
  ...value,
  ...op.i32(by),
  ...op.bulk(15, 0),
  ...op.drop
]
const set = (value: readonly number[]): number[] => [...op.i32(1), ...value, 0x26, 0]
const many = 100_000
const nothing = { body: [] }
/** Declares function 1, so that ref.func may name it. */
const declared = [3, 0, 1, 1]
const func = { functions: [nothing], elements: [declared] }
const functions = Array.from({ length: 1000 }, () => nothing)
const each = [1, 0, ...u32(1000), ...functions.flatMap((_, i) => u32(i + 1))]
const small = { tables: [tableOf(1000)], functions, elements: [each] }

export const TABLE_PRICES: Priced[] = [
  ...[0, 1, 99_000].flatMap(length => {
    const times = length > 1 ? 100 : 20_000
    const body = length > 1 ? 1 : 16
    return [
      {
        name: `table.fill(${length}) with a function`,
        module: () =>
          programOf(times, repeated(body, fill(FUNC, length)), { tables: [tableOf(many)], ...func })
      },
      {
        name: `table.fill(${length}) with null`,
        module: () => programOf(times, repeated(body, fill(NULL, length)), { tables: [tableOf(many)] })
      },
      {
        name: `table.fill(${length}) with an external null`,
        module: () =>
          programOf(times, repeated(body, fill(NULL_EXTERN, length)), { tables: [tableOf(many, EXTERNREF)] })
      },
      {
        name: `table.copy(${length})`,
        module: () =>
          programOf(times, repeated(body, copy(length)), {
            tables: [tableOf(many)],
            functions: [nothing],
            before: length > 1 ? fill(FUNC, many) : [],
            elements: [declared]
          })
      }
    ]
  }),
  {
    name: 'table.init(1000)',
    module: () => programOf(1000, init(1000), small)
  },
  ...[0, 1].map(length => ({
    name: `table.init(${length})`,
    module: () => programOf(20_000, repeated(16, init(length)), small)
  })),
  {
    name: 'table.init(30000)',
    module: () =>
      programOf(100, init(30_000), {
        tables: [tableOf(many)],
        functions: [nothing],
        elements: [passive(30_000, 1)]
      })
  },
  {
    name: 'table.grow(0)',
    module: () => programOf(20_000, repeated(16, grow(NULL, 0)), { tables: [tableOf(many)] })
  },
  {
    name: 'table.grow(0), small',
    module: () => programOf(20_000, repeated(16, grow(NULL, 0)), { tables: [tableOf(1)] })
  },
  { name: 'table.grow(1)', module: () => programOf(90_000, grow(NULL, 1), { tables: [tableOf(1)] }) },
  {
    name: 'table.grow(1) with a function',
    module: () => programOf(90_000, grow(FUNC, 1), { tables: [tableOf(1)], ...func })
  },
  {
    name: 'table.grow(1), external',
    module: () => programOf(90_000, grow(NULL_EXTERN, 1), { tables: [tableOf(1, EXTERNREF)] })
  },
  {
    name: 'table.grow(99000)',
    module: () => programOf(1, [...grow(FUNC, 99_000)], { tables: [tableOf(1)], ...func })
  },
  {
    name: 'table.grow, refused',
    module: () => programOf(100_000, repeated(4, grow(NULL, 200_000)), { tables: [tableOf(1)] })
  },
  {
    name: 'table.set of a function',
    module: () => programOf(100_000, repeated(16, set(FUNC)), { tables: [tableOf(10)], ...func })
  },
  {
    name: 'table.set of null',
    module: () => programOf(100_000, repeated(16, set(NULL)), { tables: [tableOf(10)] })
  },
  {
    name: 'table.set of an external null',
    module: () => programOf(300_000, repeated(16, set(NULL_EXTERN)), { tables: [tableOf(10, EXTERNREF)] })
  },
  {
    name: 'table.get of a function',
    module: () =>
      programOf(300_000, repeated(16, [...op.i32(1), 0x25, 0, 0xd1, ...op.drop]), {
        tables: [tableOf(10)],
        ...func,
        before: set(FUNC)
      })
  },
  {
    name: 'table.get at random',
    module: () =>
      programOf(
        3_000_000,
        // the next index depends on what was found
        [
          ...congruential,
          ...below(65_536),
          0x25,
          0,
          0xd1,
          ...[0xad],
          ...op.get(RANDOM),
          ...i64.add,
          ...op.set(RANDOM)
        ],
        { tables: [tableOf(many)], ...func, before: fill(FUNC, 50_000) }
      )
  },
  {
    name: 'table.size and elem.drop',
    module: () => programOf(300_000, repeated(8, [...op.bulk(16, 0), ...op.drop, ...op.bulk(13, 0)]), small)
  },
  {
    name: 'ref.func and ref.is_null',
    module: () =>
      programOf(300_000, repeated(8, [...FUNC, 0xd1, ...op.drop]), { ...func, tables: [tableOf(1)] })
  },
  {
    name: 'global.set of a function',
    module: () =>
      programOf(300_000, repeated(8, [...FUNC, ...op.globalSet(0)]), {
        ...func,
        globals: [{ type: FUNCREF, init: NULL }]
      })
  }
]
