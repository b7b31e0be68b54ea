import { copyConstant, shifted } from './constants.js'
import { LIMIT } from '../limits.js'
import type { WasmReader } from './reader.js'
import { ModuleRefused } from '../refused.js'
import type { Writer } from './writer.js'

/** Copies the element section with shifted function indices; returns the number of elements. */
export function copyElements(reader: WasmReader, imported: number, out: Writer): number {
  const count = reader.count(LIMIT.segments, 'element segments')
  out.u32(count)
  let elements = 0
  for (let left = count; left > 0; left--) elements += copySegment(reader, imported, out)
  return elements
}

/**
 * Copies one segment. Bits of its form: 0, it is passive or declared instead of active; 1, an active one has a table index,
 * any other is declared; 2, its elements are expressions instead of indices. Returns the number of elements.
 */
function copySegment(reader: WasmReader, imported: number, out: Writer): number {
  const form = reader.u32()
  if (form > 7) throw new ModuleRefused(`an element segment of unknown form ${form}`)
  out.u32(form)
  const active = (form & 1) === 0
  const expressions = (form & 4) !== 0
  if (active && form & 2) out.u32(reader.u32())
  if (active) copyConstant(reader, imported, out)
  if (form & 3) out.byte(reader.byte())
  const length = reader.u32()
  out.u32(length)
  for (let left = length; left > 0; left--) {
    if (expressions) copyConstant(reader, imported, out)
    else out.u32(shifted(reader.u32(), imported))
  }
  return length
}

/** Copies the data section; returns the number of bytes of its segments. */
export function copyData(reader: WasmReader, imported: number, out: Writer): number {
  const count = reader.count(LIMIT.segments, 'data segments')
  let length = 0
  out.u32(count)
  for (let left = count; left > 0; left--) {
    const form = reader.u32()
    if (form > 2) throw new ModuleRefused(`a data segment of unknown form ${form}`)
    out.u32(form)
    if (form === 2) out.u32(reader.u32())
    if (form !== 1) copyConstant(reader, imported, out)
    const bytes = reader.take(reader.u32())
    length += bytes.length
    out.sized(bytes)
  }
  return length
}
