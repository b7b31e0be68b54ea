import { PLAIN, SATURATING, VECTOR } from '../../../src/compute/fuel/wasm/opcodes.js'
import type { OpcodeOperation } from '../../../src/compute/fuel/wasm/opcodes.js'
import { F32, F64, I32, I64, op, V128 } from '../../../test/parts/compute/fuel/assembler.js'
import { programOf, repeated } from './loops.js'
import type { Priced } from './loops.js'

/** Operands: ordinary ones, and those that cost processors the most: small quotients of large numbers, denormal floats. */
const OPERANDS: Record<string, Record<number, number[]>> = {
  ordinary: {
    [I32]: op.i32(0x12345679),
    [I64]: op.i64(0x123456789abcdefn),
    [F32]: op.f32Bits(0x3f9d70a4),
    [F64]: op.f64(1.23),
    [V128]: op.simd(12, ...[0x3f, 0x9d, 0x70, 0xa4, 0x3f, 0x9d, 0x70, 0x3f, 1, 2, 3, 4, 5, 6, 7, 0x3f])
  },
  small: {
    [I32]: op.i32(3),
    [I64]: op.i64(3n),
    [F32]: op.f32Bits(0x00300001),
    [F64]: op.f64Bits(0x0003_0000_0000_0001n),
    [V128]: op.simd(12, ...[1, 0, 0x30, 0, 1, 0, 0x30, 0, 1, 0, 0, 0, 0, 0, 3, 0])
  }
}
const FIRST: Record<number, number[]> = {
  [I32]: op.i32(-2),
  [I64]: op.i64(-2n),
  [F32]: op.f32Bits(0x00400003),
  [F64]: op.f64Bits(0x0004_0000_0000_0003n),
  [V128]: op.simd(12, ...[3, 0, 0x40, 0, 3, 0, 0x40, 0, 3, 0, 0, 0, 0, 0, 4, 0])
}
const TYPES = [I32, I64, F32, F64, V128]
/** After the four locals of the loop: one for each type as operand, and one as result. */
const OPERAND = 4
const RESULT = OPERAND + TYPES.length
const local = (base: number, type: number): number => base + TYPES.indexOf(type)

/** `result = OP(result, operand...)`, or of another type than the result: `result = OP(operand...)`. */
function chained(bytes: number[], { pops, pushes, immediate }: OpcodeOperation, name: string): Uint8Array {
  const [type] = pushes
  const operands = pops.map((pop, i) => op.get(local(i === 0 && pop === type ? RESULT : OPERAND, pop)))
  const lanes = immediate === 'lane' ? [0] : immediate === 'sixteen' ? Array<number>(16).fill(3) : []
  const body = [...operands.flat(), ...bytes, ...lanes, ...op.set(local(RESULT, type!))]
  // A compiler knows neither the operands, which come from globals, nor that nobody needs the results, which stay in them.
  return programOf(50_000, repeated(16, body), {
    locals: [...TYPES, ...TYPES],
    globals: [...TYPES, ...TYPES].map((type, i) => ({
      type,
      init: (i < TYPES.length ? OPERANDS[name]! : FIRST)[type]!
    })),
    before: TYPES.flatMap((_, i) => [
      ...[...op.globalGet(i), ...op.set(OPERAND + i)],
      ...[...op.globalGet(TYPES.length + i), ...op.set(RESULT + i)]
    ]),
    after: TYPES.flatMap((_, i) => [...op.get(RESULT + i), ...op.globalSet(TYPES.length + i)])
  })
}

const tables: [string, readonly (OpcodeOperation | undefined)[], (number: number) => number[]][] = [
  ['', PLAIN, number => [number]],
  ['0xfc ', SATURATING, number => op.bulk(number)],
  ['0xfd ', VECTOR, number => op.simd(number)]
]

/** Every instruction that computes, in a chain where each waits for the one before. Those that trap on these operands are left out. */
export const ARITHMETIC_PRICES: Priced[] = tables.flatMap(([prefix, table, bytes]) =>
  table.flatMap((operation, number) => {
    if (!operation || operation.pushes.length !== 1 || operation.pops.length === 0) return []
    if (!['none', 'lane', 'sixteen'].includes(operation.immediate)) return []
    return Object.keys(OPERANDS).map(name => ({
      name: `instruction ${prefix}0x${number.toString(16)} of ${name} operands`,
      module: () => chained(bytes(number), operation, name)
    }))
  })
)
