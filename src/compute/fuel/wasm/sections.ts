import { WasmReader } from './reader.js'
import { ModuleRefused } from '../refused.js'

export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13
} as const

/** A reader for each section, by section number; custom sections are skipped. */
export function readSections(module: Uint8Array): Map<number, WasmReader> {
  const reader = new WasmReader(module)
  const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]
  if (!header.every(byte => !reader.done && reader.byte() === byte))
    throw new ModuleRefused('not a WebAssembly module (of version 1)')
  const found = new Map<number, WasmReader>()
  while (!reader.done) {
    const number = reader.byte()
    const size = reader.u32()
    const from = reader.at
    reader.skip(size)
    if (number === SECTION.custom) continue
    if (number === SECTION.tag) throw new ModuleRefused('it uses exceptions')
    if (number > SECTION.tag) throw new ModuleRefused(`unknown section ${number}`)
    if (found.has(number)) throw new ModuleRefused('not a valid WebAssembly module')
    found.set(number, new WasmReader(module, from, reader.at))
  }
  return found
}

export interface SizeLimits {
  min: number
  max: number | null
}

/** Reads the limits of a table or a memory. */
export function readLimits(reader: WasmReader, what: 'table' | 'memory'): SizeLimits {
  const flags = reader.byte()
  if (flags === 2 || flags === 3) throw new ModuleRefused('it uses threads (shared memory)')
  if (flags >= 4 && flags <= 7) throw new ModuleRefused(`it uses memory64 (a ${what} of 64 bits)`)
  if (flags > 7) throw new ModuleRefused(`a ${what} has unknown limits`)
  const min = reader.u32()
  return { min, max: flags === 1 ? reader.u32() : null }
}

/** Reads the entries of a section; none when it is absent. */
export function entriesOf<T>(
  reader: WasmReader | undefined,
  most: number,
  what: string,
  read: (reader: WasmReader) => T
): T[] {
  const entries: T[] = []
  for (let left = countOf(reader, most, what); left > 0; left--) entries.push(read(reader!))
  return entries
}

/** Number of entries of a section; 0 when it is absent. */
export function countOf(reader: WasmReader | undefined, most: number, what: string): number {
  return reader ? reader.count(most, what) : 0
}
