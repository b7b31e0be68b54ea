import { F32, F64, op } from './assembler.js'

// The arithmetic of metering by opcode, written a second time.

const PLAIN_32 = [0x8d, 0x8e, 0x8f, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0xb6]
const PLAIN_64 = [0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xbb]
// demote; ceil floor trunc nearest; sqrt add sub mul div min max
const VECTOR_32 = [94, 103, 104, 105, 106, 227, 228, 229, 230, 231, 232, 233]
const VECTOR_64 = [95, 116, 117, 122, 148, 239, 240, 241, 242, 243, 244, 245]

/** On lanes of how many bits an instruction leaves NaNs with bits chosen by the engine; 0 for none. */
export function isArithmetic(bytes: readonly number[]): 32 | 64 | 0 {
  const [first, second = 0, third = 0] = bytes
  if (first === 0xfd) {
    const number = second >= 0x80 ? (second & 0x7f) | (third << 7) : second
    return VECTOR_32.includes(number) ? 32 : VECTOR_64.includes(number) ? 64 : 0
  }
  if (bytes.length !== 1) return 0
  return PLAIN_32.includes(first!) ? 32 : PLAIN_64.includes(first!) ? 64 : 0
}

/** Makes the top of the stack canonical; `scratch` is the first of three locals: f32, f64, v128. */
export function writeCanonical(type: number, kind: 32 | 64, scratch: number): number[] {
  const local = scratch + (type === F32 ? 0 : type === F64 ? 1 : 2)
  const [set, get] = [op.set(local), op.get(local)]
  if (type === F32) return [...set, ...get, ...op.f32Bits(0x7fc00000), ...get, ...get, 0x5b, ...op.select]
  if (type === F64)
    return [...set, ...get, ...op.f64Bits(0x7ff8000000000000n), ...get, ...get, 0x61, ...op.select]
  const nan = kind === 32 ? [0, 0, 0xc0, 0x7f] : [0, 0, 0, 0, 0, 0, 0xf8, 0x7f]
  const lanes = kind === 32 ? [...nan, ...nan, ...nan, ...nan] : [...nan, ...nan]
  return [
    ...set,
    ...get,
    ...op.simd(12, ...lanes),
    ...get,
    ...get,
    ...op.simd(kind === 32 ? 65 : 71),
    ...op.simd(82)
  ]
}
