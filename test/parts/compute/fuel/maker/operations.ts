import { PLAIN, SATURATING, VECTOR } from '../../../../../src/compute/fuel/wasm/opcodes.js'
import type { OpcodeOperation } from '../../../../../src/compute/fuel/wasm/opcodes.js'
import { isArithmetic } from '../arithmetic.js'
import { F32, F64, I32, I64, u32, V128 } from '../assembler.js'
import type { Random } from '../random.js'

export const SCALARS = [I32, I64, F32, F64]
export const TYPES = [...SCALARS, V128]

export interface Choice {
  bytes: number[]
  operation: OpcodeOperation
  arithmetic: 32 | 64 | 0
}

/** All operations by their result type; stores under 0. */
export const CHOICES = new Map<number, Choice[]>()
function offer(table: readonly (OpcodeOperation | undefined)[], prefix: number[]): void {
  table.forEach((operation, number) => {
    if (!operation || operation.pops.length === 0) return
    const bytes = prefix.length > 0 ? [...prefix, ...u32(number)] : [number]
    const left = operation.pushes[0] ?? 0
    const choices = CHOICES.get(left) ?? []
    choices.push({ bytes, operation, arithmetic: isArithmetic(bytes) })
    CHOICES.set(left, choices)
  })
}
offer(PLAIN, [])
offer(SATURATING, [0xfc])
offer(VECTOR, [0xfd])

/** Keeps an address within the first 64 KiB. */
export const MASK = 0xffff

/** Divisions and conversions that trap. */
export const TRAPPING = [
  [0x6d, 0x70],
  [0x7f, 0x82],
  [0xa8, 0xab],
  [0xae, 0xb1]
]

/** The lane type of abs and neg. */
export function arithmeticOf({ makes }: OpcodeOperation): 32 | 64 {
  return makes === 1 ? 32 : 64
}

/** A valid lane index. */
export function lane(bytes: readonly number[], random: Random): number {
  const number = bytes[1]! >= 0x80 ? (bytes[1]! & 0x7f) | (bytes[2]! << 7) : bytes[1]!
  const lanes =
    number <= 23
      ? 16
      : number <= 26
        ? 8
        : number <= 28
          ? 4
          : number <= 30
            ? 2
            : number <= 32
              ? 4
              : number <= 34
                ? 2
                : [16, 8, 4, 2][(number - 84) % 4]!
  return random.below(lanes)
}
