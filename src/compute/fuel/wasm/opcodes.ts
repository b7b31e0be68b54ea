import { EXTERNREF, F32, F64, FUNCREF, I32, I64, V128 } from './types.js'
import { ANY, ARITH32, ARITH64, CANON32, CANON64, NUMBER } from '../nan/kinds.js'

/** The immediate that follows an opcode. */
export type Immediate =
  'none' | 'memory' | 'memory+lane' | 'lane' | 'sixteen' | 'i32' | 'i64' | 'four' | 'eight'

/**
 * Operands, results and cost of an instruction without control flow.
 */
export interface OpcodeOperation {
  pops: readonly number[]
  pushes: readonly number[]
  cost: number
  immediate: Immediate
  /** Kinds of operands whose NaN bits do not affect it (see values.ts). */
  accepts: number
  /** Kind of its result. */
  makes: number
  /** Whether it only changes the sign bit: abs and neg. */
  sign: boolean
}

const LETTERS: Record<string, number> = {
  i: I32,
  l: I64,
  f: F32,
  d: F64,
  v: V128,
  r: FUNCREF,
  x: EXTERNREF
}

interface Traits {
  cost?: number
  immediate?: Immediate
  accepts?: number
  makes?: number
  sign?: boolean
}

function operation(signature: string, traits: Traits): OpcodeOperation {
  const [pops = '', pushes = ''] = signature.split('>')
  const types = (letters: string): number[] => [...letters].map(letter => LETTERS[letter]!)
  return {
    pops: types(pops),
    pushes: types(pushes),
    cost: traits.cost ?? 1,
    immediate: traits.immediate ?? 'none',
    accepts: traits.accepts ?? 0,
    makes: traits.makes ?? ANY,
    sign: traits.sign ?? false
  }
}

type OpcodeTable = (OpcodeOperation | undefined)[]

/** Sets the table entries `first` to `last`. */
function set(table: OpcodeTable, first: number, last: number, signature: string, traits: Traits = {}): void {
  const made = operation(signature, traits)
  for (let opcode = first; opcode <= last; opcode++) table[opcode] = made
}

/** Sets consecutive entries from `first` on, one for each signature. */
function setEach(table: OpcodeTable, first: number, signatures: string[], traits: Traits = {}): void {
  signatures.forEach((signature, i) => set(table, first + i, first + i, signature, traits))
}

const arith32: Traits = { cost: 2, accepts: ARITH32, makes: ARITH32 }
const arith64: Traits = { cost: 2, accepts: ARITH64, makes: ARITH64 }

/** Sets the arithmetic of one type of scalar floats: abs and neg, ceil to nearest, sqrt, add to max, div, copysign. */
function floats(first: number, type: 'f' | 'd', arith: Traits): void {
  const [one, two] = [`${type}>${type}`, `${type}${type}>${type}`]
  const slow = { ...arith, cost: 12 }
  set(PLAIN, first, first + 1, one, { sign: true, makes: arith.makes })
  set(PLAIN, first + 2, first + 5, one, arith)
  set(PLAIN, first + 6, first + 6, one, slow)
  set(PLAIN, first + 7, first + 12, two, arith)
  set(PLAIN, first + 10, first + 10, two, slow)
  set(PLAIN, first + 13, first + 13, two)
}

/** Instructions by their one-byte opcode. */
export const PLAIN: OpcodeTable = []
{
  const p = PLAIN
  const load: Traits = { cost: 2, immediate: 'memory' }
  setEach(p, 0x28, ['i>i', 'i>l', 'i>f', 'i>d'], load)
  set(p, 0x2c, 0x2f, 'i>i', load)
  set(p, 0x30, 0x35, 'i>l', load)
  setEach(p, 0x36, ['ii>', 'il>', 'if>', 'id>'], load)
  set(p, 0x3a, 0x3b, 'ii>', load)
  set(p, 0x3c, 0x3e, 'il>', load)
  set(p, 0x41, 0x41, '>i', { immediate: 'i32' })
  set(p, 0x42, 0x42, '>l', { immediate: 'i64' })
  set(p, 0x43, 0x43, '>f', { immediate: 'four' })
  set(p, 0x44, 0x44, '>d', { immediate: 'eight' })
  set(p, 0x45, 0x45, 'i>i')
  set(p, 0x46, 0x4f, 'ii>i')
  set(p, 0x50, 0x50, 'l>i')
  set(p, 0x51, 0x5a, 'll>i')
  set(p, 0x5b, 0x60, 'ff>i', { accepts: ARITH32 })
  set(p, 0x61, 0x66, 'dd>i', { accepts: ARITH64 })
  set(p, 0x67, 0x69, 'i>i')
  set(p, 0x6a, 0x78, 'ii>i')
  set(p, 0x79, 0x7b, 'l>l')
  set(p, 0x7c, 0x8a, 'll>l')
  set(p, 0x6c, 0x6c, 'ii>i', { cost: 2 })
  set(p, 0x7e, 0x7e, 'll>l', { cost: 2 })
  set(p, 0x6d, 0x70, 'ii>i', { cost: 12 })
  set(p, 0x7f, 0x82, 'll>l', { cost: 12 })
  floats(0x8b, 'f', arith32)
  floats(0x99, 'd', arith64)
  set(p, 0xa7, 0xa7, 'l>i')
  set(p, 0xa8, 0xa9, 'f>i', { cost: 2, accepts: ARITH32 })
  set(p, 0xaa, 0xab, 'd>i', { cost: 2, accepts: ARITH64 })
  set(p, 0xac, 0xad, 'i>l')
  set(p, 0xae, 0xaf, 'f>l', { cost: 2, accepts: ARITH32 })
  set(p, 0xb0, 0xb1, 'd>l', { cost: 2, accepts: ARITH64 })
  set(p, 0xb2, 0xb3, 'i>f', { cost: 2, makes: NUMBER })
  set(p, 0xb4, 0xb5, 'l>f', { cost: 2, makes: NUMBER })
  set(p, 0xb6, 0xb6, 'd>f', { cost: 2, accepts: ARITH64, makes: ARITH32 })
  set(p, 0xb7, 0xb8, 'i>d', { cost: 2, makes: NUMBER })
  set(p, 0xb9, 0xba, 'l>d', { cost: 2, makes: NUMBER })
  set(p, 0xbb, 0xbb, 'f>d', { cost: 2, accepts: ARITH32, makes: ARITH64 })
  setEach(p, 0xbc, ['f>i', 'd>l', 'i>f', 'l>d'])
  set(p, 0xc0, 0xc1, 'i>i')
  set(p, 0xc2, 0xc4, 'l>l')
}

/** Instructions with prefix 0xfc, by the number after it. */
export const SATURATING: OpcodeTable = []
set(SATURATING, 0, 1, 'f>i', { cost: 2, accepts: ARITH32 })
set(SATURATING, 2, 3, 'd>i', { cost: 2, accepts: ARITH64 })
set(SATURATING, 4, 5, 'f>l', { cost: 2, accepts: ARITH32 })
set(SATURATING, 6, 7, 'd>l', { cost: 2, accepts: ARITH64 })

/** Instructions with prefix 0xfd, by the number after it. */
export const VECTOR: OpcodeTable = []
{
  const two: Traits = { cost: 2 }
  const one = (from: number, to: number): void => set(VECTOR, from, to, 'v>v', two)
  const pair = (from: number, to: number): void => set(VECTOR, from, to, 'vv>v', two)
  const shift = (from: number): void => set(VECTOR, from, from + 2, 'vi>v', two)
  const toInt = (from: number, to: number): void => set(VECTOR, from, to, 'v>i', two)

  set(VECTOR, 0, 10, 'i>v', { cost: 2, immediate: 'memory' })
  set(VECTOR, 11, 11, 'iv>', { cost: 2, immediate: 'memory' })
  set(VECTOR, 12, 12, '>v', { immediate: 'sixteen' })
  set(VECTOR, 13, 13, 'vv>v', { cost: 2, immediate: 'sixteen' })
  pair(14, 14)
  set(VECTOR, 15, 17, 'i>v', two)
  setEach(VECTOR, 18, ['l>v', 'f>v', 'd>v'], two)
  // extract_lane and replace_lane: of i8x16 and i16x8 with and without sign, then of i32x4 to f64x2
  const lanes = [
    'v>i',
    'v>i',
    'vi>v',
    'v>i',
    'v>i',
    'vi>v',
    'v>i',
    'vi>v',
    'v>l',
    'vl>v',
    'v>f',
    'vf>v',
    'v>d',
    'vd>v'
  ]
  setEach(VECTOR, 21, lanes, { cost: 2, immediate: 'lane' })
  pair(35, 64)
  set(VECTOR, 65, 70, 'vv>v', { cost: 2, accepts: ARITH32 })
  set(VECTOR, 71, 76, 'vv>v', { cost: 2, accepts: ARITH64 })
  one(77, 77)
  pair(78, 81)
  set(VECTOR, 82, 82, 'vvv>v', two)
  toInt(83, 83)
  set(VECTOR, 84, 87, 'iv>v', { cost: 2, immediate: 'memory+lane' })
  set(VECTOR, 88, 91, 'iv>', { cost: 2, immediate: 'memory+lane' })
  set(VECTOR, 92, 93, 'i>v', { cost: 2, immediate: 'memory' })
  set(VECTOR, 94, 94, 'v>v', { cost: 2, accepts: ARITH64, makes: ARITH32 })
  set(VECTOR, 95, 95, 'v>v', { cost: 2, accepts: ARITH32, makes: ARITH64 })
  one(96, 98)
  toInt(99, 100)
  pair(101, 102)
  set(VECTOR, 103, 106, 'v>v', arith32)
  shift(107)
  pair(110, 115)
  set(VECTOR, 116, 117, 'v>v', arith64)
  pair(118, 121)
  set(VECTOR, 122, 122, 'v>v', arith64)
  pair(123, 123)
  one(124, 129)
  pair(130, 130)
  toInt(131, 132)
  pair(133, 134)
  one(135, 138)
  shift(139)
  pair(142, 147)
  set(VECTOR, 148, 148, 'v>v', arith64)
  pair(149, 153)
  pair(155, 159)
  one(160, 161)
  toInt(163, 164)
  one(167, 170)
  shift(171)
  pair(174, 174)
  pair(177, 177)
  pair(181, 186)
  pair(188, 191)
  one(192, 193)
  toInt(195, 196)
  one(199, 202)
  shift(203)
  pair(206, 206)
  pair(209, 209)
  set(VECTOR, 213, 213, 'vv>v', { cost: 4 })
  pair(214, 223)
  set(VECTOR, 224, 225, 'v>v', { cost: 2, sign: true, makes: ARITH32 })
  set(VECTOR, 227, 227, 'v>v', { ...arith32, cost: 16 })
  set(VECTOR, 228, 233, 'vv>v', arith32)
  set(VECTOR, 231, 231, 'vv>v', { ...arith32, cost: 16 })
  pair(234, 235)
  set(VECTOR, 236, 237, 'v>v', { cost: 2, sign: true, makes: ARITH64 })
  set(VECTOR, 239, 239, 'v>v', { ...arith64, cost: 16 })
  set(VECTOR, 240, 245, 'vv>v', arith64)
  set(VECTOR, 243, 243, 'vv>v', { ...arith64, cost: 16 })
  pair(246, 247)
  set(VECTOR, 248, 249, 'v>v', { cost: 2, accepts: ARITH32 })
  set(VECTOR, 250, 251, 'v>v', { cost: 2, makes: CANON32 })
  set(VECTOR, 252, 253, 'v>v', { cost: 2, accepts: ARITH64 })
  set(VECTOR, 254, 255, 'v>v', { cost: 2, makes: CANON64 })
}
