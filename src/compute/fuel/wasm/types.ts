/** Value types, by their bytes. */
export const I32 = 0x7f
export const I64 = 0x7e
export const F32 = 0x7d
export const F64 = 0x7c
export const V128 = 0x7b
export const FUNCREF = 0x70
export const EXTERNREF = 0x6f

export interface FunctionType {
  params: readonly number[]
  results: readonly number[]
}

export function isValueType(byte: number): boolean {
  return (byte >= V128 && byte <= I32) || byte === FUNCREF || byte === EXTERNREF
}

/** Whether a value of this type can contain NaN bits. */
export function holdsFloats(type: number): boolean {
  return type === F32 || type === F64 || type === V128
}

/** Machine words that values of these types take. */
export function slots(types: readonly number[]): number {
  let sum = 0
  for (const type of types) sum += type === V128 ? 2 : 1
  return sum
}
