import { shifted } from './constants.js'
import { LIMIT } from '../limits.js'
import type { WasmReader } from './reader.js'
import { ModuleRefused } from '../refused.js'
import { entriesOf, readLimits, SECTION } from './sections.js'
import type { SizeLimits } from './sections.js'
import { EXTERNREF, FUNCREF, isValueType } from './types.js'
import type { FunctionType } from './types.js'

/** Names that metering adds to the imports and exports. */
export const NAMES = {
  module: 'bushel',
  refuel: 'refuel',
  fuel: '__bushel_fuel',
  start: '__bushel_start'
} as const

const RESERVED = '__bushel'
const SYSTEM = 'wasi_snapshot_preview1'

export interface Import {
  module: string
  name: string
  type: number
}

export interface Export {
  name: string
  kind: number
  index: number
}

export interface WasmTable {
  type: number
  limits: SizeLimits
}

type Sections = ReadonlyMap<number, WasmReader>

export function readTypes(sections: Sections): FunctionType[] {
  return entriesOf(sections.get(SECTION.type), LIMIT.types, 'types', reader => {
    const form = reader.byte()
    if (form !== 0x60) throw new ModuleRefused('it uses garbage collection (types other than functions)')
    return { params: readValueTypes(reader), results: readValueTypes(reader) }
  })
}

function readValueTypes(reader: WasmReader): number[] {
  const types: number[] = []
  for (let left = reader.count(LIMIT.params, 'parameters or results'); left > 0; left--) {
    const type = reader.byte()
    if (!isValueType(type)) throw new ModuleRefused('it uses garbage collection (typed references)')
    types.push(type)
  }
  return types
}

export function readImports(sections: Sections): Import[] {
  return entriesOf(sections.get(SECTION.import), LIMIT.imports, 'imports', reader => {
    const module = reader.name()
    const name = reader.name()
    if (module === NAMES.module || name.startsWith(RESERVED))
      throw new ModuleRefused(
        `it imports a name that is reserved for Bushel: ${shown(module)} ${shown(name)}`
      )
    const kind = reader.byte()
    const what = ['function', 'table', 'memory', 'global'][kind]
    if (kind !== 0) throw new ModuleRefused(`it imports a ${what ?? 'tag'}`)
    if (module !== SYSTEM)
      throw new ModuleRefused(`it imports ${shown(module)} ${shown(name)}, which is not part of ${SYSTEM}`)
    return { module, name, type: reader.u32() }
  })
}

/** A name shortened for a message, with printable characters only. */
function shown(name: string): string {
  return JSON.stringify(name.slice(0, 60))
}

/** Type indices of the module's own functions. */
export function readFunctions(sections: Sections): number[] {
  return entriesOf(sections.get(SECTION.function), LIMIT.functions, 'functions', reader => reader.u32())
}

export function readTables(sections: Sections): WasmTable[] {
  return entriesOf(sections.get(SECTION.table), LIMIT.tables, 'tables', reader => {
    const type = reader.byte()
    if (type !== FUNCREF && type !== EXTERNREF) throw new ModuleRefused('it uses typed function references')
    const limits = readLimits(reader, 'table')
    if (limits.min > LIMIT.tableSize)
      throw new ModuleRefused(`a table of ${limits.min} elements, more than ${LIMIT.tableSize}`)
    return { type, limits }
  })
}

/** Limits of the module's memory; null when it has none. */
export function readMemory(sections: Sections, maxPages: number): SizeLimits | null {
  const reader = sections.get(SECTION.memory)
  const count = reader ? reader.u32() : 0
  if (count > 1) throw new ModuleRefused('it uses more than one memory')
  if (count === 0) return null
  const limits = readLimits(reader!, 'memory')
  if (limits.min > maxPages)
    throw new ModuleRefused(`it needs ${limits.min} pages of memory, more than ${maxPages}`)
  return limits
}

export function readExports(sections: Sections, imported: number): Export[] {
  return entriesOf(sections.get(SECTION.export), LIMIT.exports, 'exports', reader => {
    const name = reader.name()
    if (name.startsWith(RESERVED))
      throw new ModuleRefused(`it exports a name that is reserved for Bushel: ${shown(name)}`)
    const kind = reader.byte()
    const index = reader.u32()
    if (kind > 3) throw new ModuleRefused('it uses exceptions')
    return { name, kind, index: kind === 0 ? shifted(index, imported) : index }
  })
}
