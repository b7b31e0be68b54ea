/** Assembles WebAssembly modules from bytes: only what the tests need, including invalid modules. */

import { F32, F64, FUNCREF, I32, I64, V128 } from '../../../../src/compute/fuel/wasm/types.js'

export { F32, F64, FUNCREF, I32, I64, V128 }

export const END = 0x0b

export function u32(value: number): number[] {
  const bytes: number[] = []
  for (; value > 0x7f; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80)
  return [...bytes, value]
}

export function signed(value: bigint | number): number[] {
  const bytes: number[] = []
  for (let left = BigInt(value); ; left >>= 7n) {
    const low = Number(left & 0x7fn)
    if (left >= -64n && left < 64n) return [...bytes, low]
    bytes.push(low | 0x80)
  }
}

export function name(text: string): number[] {
  const bytes = [...new TextEncoder().encode(text)]
  return [...u32(bytes.length), ...bytes]
}

export function vector(entries: readonly number[][]): number[] {
  return [...u32(entries.length), ...entries.flat()]
}

export function section(number: number, body: readonly number[]): number[] {
  return [number, ...u32(body.length), ...body]
}

export const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]

export interface Signature {
  params?: readonly number[]
  results?: readonly number[]
}

export interface Func extends Signature {
  locals?: readonly number[]
  /** Without the last `end`. */
  body: readonly number[]
  export?: string
  /** Index of its type, if that is among `types`. */
  type?: number
}

export interface ModuleParts {
  /** Types before those of the functions. */
  types?: readonly Signature[]
  imports?: readonly (Signature & { module: string; name: string })[]
  functions: readonly Func[]
  /** In the binary format: reference type, flags, limits. */
  tables?: readonly number[][]
  /** Flags and limits. */
  memory?: readonly number[]
  globals?: readonly { type: number; init: readonly number[]; export?: string }[]
  start?: number
  elements?: readonly number[][]
  /** Whole entries in the binary format. */
  data?: readonly number[][]
  exports?: readonly number[][]
}

/**
 * The bytes of a module whose memory is exported as `memory`. Types of imports come after `types`, then those
 * of the functions.
 */
export function assemble(parts: ModuleParts): Uint8Array<ArrayBuffer> {
  const { types = [], imports = [], functions, tables, memory, globals, start, elements, data } = parts
  const first = types.length + imports.length
  const own = functions.filter(({ type }) => type === undefined)
  const signatures = [...types, ...imports, ...own]
  const exports: number[][] = [...(parts.exports ?? [])]
  functions.forEach((func, i) => {
    if (func.export !== undefined) exports.push([...name(func.export), 0, ...u32(imports.length + i)])
  })
  globals?.forEach((global, i) => {
    if (global.export !== undefined) exports.push([...name(global.export), 3, ...u32(i)])
  })
  if (memory) exports.push([...name('memory'), 2, 0])
  const bytes = [
    ...HEADER,
    ...section(
      1,
      vector(
        signatures.map(({ params = [], results = [] }) => [
          0x60,
          ...u32(params.length),
          ...params,
          ...u32(results.length),
          ...results
        ])
      )
    ),
    ...section(
      2,
      vector(
        imports.map((entry, i) => [...name(entry.module), ...name(entry.name), 0, ...u32(types.length + i)])
      )
    ),
    ...section(3, vector(functions.map(func => u32(func.type ?? first + own.indexOf(func))))),
    ...(tables ? section(4, vector([...tables])) : []),
    ...(memory ? section(5, vector([[...memory]])) : []),
    ...(globals ? section(6, vector(globals.map(({ type, init }) => [type, 1, ...init, END]))) : []),
    ...section(7, vector(exports)),
    ...(start === undefined ? [] : section(8, u32(start))),
    ...(elements ? section(9, vector([...elements])) : []),
    ...(data ? section(12, u32(data.length)) : []),
    ...section(
      10,
      vector(
        functions.map(({ locals = [], body }) => {
          const code = vector(locals.map(type => [1, type])).concat(body, END)
          return u32(code.length).concat(code)
        })
      )
    ),
    ...(data ? section(11, vector([...data])) : [])
  ]
  return Uint8Array.from(bytes)
}

/** Instructions whose opcode alone would say too little. */
export const op = {
  unreachable: [0x00],
  nop: [0x01],
  block: (type = 0x40) => [0x02, type],
  loop: (type = 0x40) => [0x03, type],
  if: (type = 0x40) => [0x04, type],
  else: [0x05],
  end: [END],
  br: (depth: number) => [0x0c, ...u32(depth)],
  brIf: (depth: number) => [0x0d, ...u32(depth)],
  brTable: (depths: number[], other: number) => [0x0e, ...vector(depths.map(u32)), ...u32(other)],
  return: [0x0f],
  call: (index: number) => [0x10, ...u32(index)],
  callIndirect: (type: number) => [0x11, ...u32(type), 0],
  drop: [0x1a],
  select: [0x1b],
  get: (local: number) => [0x20, ...u32(local)],
  set: (local: number) => [0x21, ...u32(local)],
  tee: (local: number) => [0x22, ...u32(local)],
  globalGet: (index: number) => [0x23, ...u32(index)],
  globalSet: (index: number) => [0x24, ...u32(index)],
  i32: (value: number) => [0x41, ...signed(value)],
  i64: (value: bigint) => [0x42, ...signed(value)],
  f32Bits: (bits: number) => [0x43, ...little(BigInt(bits), 4)],
  f64Bits: (bits: bigint) => [0x44, ...little(bits, 8)],
  f64: (value: number) => {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setFloat64(0, value, true)
    return [0x44, ...bytes]
  },
  i32Add: [0x6a],
  i32Sub: [0x6b],
  i32Load: (offset = 0) => [0x28, 2, ...u32(offset)],
  i64Load: (offset = 0) => [0x29, 3, ...u32(offset)],
  f64Load: (offset = 0) => [0x2b, 3, ...u32(offset)],
  i32Store: (offset = 0) => [0x36, 2, ...u32(offset)],
  i64Store: (offset = 0) => [0x37, 3, ...u32(offset)],
  f32Store: (offset = 0) => [0x38, 2, ...u32(offset)],
  f64Store: (offset = 0) => [0x39, 3, ...u32(offset)],
  simd: (number: number, ...rest: number[]) => [0xfd, ...u32(number), ...rest],
  bulk: (number: number, ...rest: number[]) => [0xfc, ...u32(number), ...rest]
}

function little(bits: bigint, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Number((bits >> BigInt(8 * i)) & 0xffn))
}
