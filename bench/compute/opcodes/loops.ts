import { assemble, FUNCREF, I32, I64, op, u32 } from '../../../test/parts/compute/fuel/assembler.js'
import type { ModuleParts } from '../../../test/parts/compute/fuel/assembler.js'

// Programs of one loop, whose body holds what is measured.

export interface Priced {
  name: string
  module: () => Uint8Array
}

/** Locals of `_start`: the counter, an address, a random number and a spare one. */
export const [COUNTER, ADDRESS, RANDOM, SPARE] = [0, 1, 2, 3]
const LOCALS = [I32, I32, I64, I32]

export const i64 = {
  add: [0x7c],
  mul: [0x7e],
  and: [0x83],
  or: [0x84],
  xor: [0x85],
  shl: [0x86],
  shr: [0x88],
  wrap: [0xa7]
} as const
export const i32 = {
  mul: [0x6c],
  and: [0x71],
  or: [0x72],
  xor: [0x73],
  less: [0x49],
  extend: [0xad]
} as const

/** `local = local OP (local SHIFT by)`. */
const mixed = (shift: readonly number[], by: bigint): number[] => [
  ...op.get(RANDOM),
  ...op.get(RANDOM),
  ...op.i64(by),
  ...shift,
  ...i64.xor,
  ...op.set(RANDOM)
]

/** The next random number, as a cheap program would make it: xorshift. */
export const xorshift = [...mixed(i64.shl, 13n), ...mixed(i64.shr, 7n), ...mixed(i64.shl, 17n)]

/** A cheaper random number: one multiplication and one addition. */
export const congruential = [
  ...op.get(RANDOM),
  ...op.i64(6_364_136_223_846_793_005n),
  ...i64.mul,
  ...op.i64(1_442_695_040_888_963_407n),
  ...i64.add,
  ...op.set(RANDOM)
]

/** An i32 below a power of two, from the upper half of the random number. */
export const below = (power: number): number[] => [
  ...op.get(RANDOM),
  ...op.i64(33n),
  ...i64.shr,
  ...i64.wrap,
  ...op.i32(power - 1),
  ...i32.and
]

/** `body`, `times` over. */
export function looped(times: number, body: readonly number[], counter = COUNTER): number[] {
  return [
    ...op.i32(0),
    ...op.set(counter),
    ...op.loop(),
    ...body,
    ...op.get(counter),
    ...op.i32(1),
    ...op.i32Add,
    ...op.tee(counter),
    ...op.i32(times),
    ...i32.less,
    ...op.brIf(0),
    ...op.end
  ]
}

/** A program that does `before` once, then `body` in a loop, then `after` once. */
export function programOf(
  times: number,
  body: readonly number[],
  {
    before = [],
    after = [],
    locals = [],
    ...parts
  }: {
    before?: readonly number[]
    after?: readonly number[]
    locals?: readonly number[]
  } & Partial<ModuleParts> = {}
): Uint8Array {
  return assemble({
    memory: [0, 1],
    ...parts,
    functions: [
      {
        locals: [...LOCALS, ...locals],
        body: [
          ...op.i64(88_172_645_463_325_252n),
          ...op.set(RANDOM),
          ...before,
          ...looped(times, body),
          ...after
        ],
        export: '_start'
      },
      ...(parts.functions ?? [])
    ]
  })
}

export const repeated = (times: number, code: readonly number[]): number[] =>
  Array.from({ length: times }, () => code).flat()

/** Passive elements of `count` functions, all of them number `func`. */
export const passive = (count: number, func = 0): number[] => [
  1,
  0,
  ...u32(count),
  ...repeated(count, u32(func))
]

/** A table in the binary format. */
export const tableOf = (size: number, type = FUNCREF): number[] => [type, 0, ...u32(size)]

export const pages = (least: number): number[] => [0, ...u32(least)]
