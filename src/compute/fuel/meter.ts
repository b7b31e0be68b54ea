import { meterBody } from './body.js'
import { copyConstant, shifted } from './constants.js'
import { copyElements } from './elements.js'
import { askBody, chargeBytesBody, chargeElementsBody, growBody, wrapperBody } from './helpers.js'
import { isValid } from './engine.js'
import { LIMIT } from './limits.js'
import {
  NAMES,
  readExports,
  readFunctions,
  readImports,
  readMemory,
  readTables,
  readTypes
} from './module.js'
import type { Export } from './module.js'
import { Reader } from './reader.js'
import { ModuleRefused } from './refused.js'
import { countOf, readSections, SECTION } from './sections.js'
import type { Surroundings } from './surroundings.js'
import { I32, I64, isValueType } from './types.js'
import type { FunctionType } from './types.js'
import { Writer } from './writer.js'

export { ModuleRefused } from './refused.js'
export { NAMES } from './module.js'

/** Says how a module is rewritten, and what it is charged: another rule has another version. */
export const FUEL_VERSION = 'fuel/1'

/** What a host takes off the guest's fuel for each call of its own, and for each byte that the call moves. */
export const HOST_COST = { call: 1024n, perByte: 1n } as const

export interface MeterOptions {
  /** Of 64 KiB, at most; what the module may grow to. */
  maxPages: number
  maxModuleBytes?: number
}

export interface Metered {
  bytes: Uint8Array
  /** The module had a start function: it is exported as NAMES.start, to be called once after instantiation. */
  hasStart: boolean
  /** How many functions the module has of its own. */
  functions: number
}

/**
 * Rewrites a wasm32 command module so that it counts its fuel, the same on every engine.
 *
 * It then imports `bushel.refuel: (missing: i64) -> (granted: i64)`, called when its fuel has gone below zero: what that
 * returns is added, and when it is not enough the guest traps. It exports its fuel as a mutable i64 global, from which the
 * host takes HOST_COST. Fuel stands at 0 at first, and may end a little below zero: the guest asks at the entry of
 * functions, at the head of loops and before instructions charged by length, and what it used counts to the end.
 */
export function meter(module: Uint8Array, options: MeterOptions): Metered {
  const most = options.maxModuleBytes ?? LIMIT.moduleBytes
  if (module.length > most) throw new ModuleRefused(`a module of ${module.length} bytes, more than ${most}`)
  // an invalid module could reach what is added to it
  const valid = isValid(module)
  const metered = rewrite(module, options.maxPages)
  if (!valid) throw new ModuleRefused('not a valid WebAssembly module')
  if (!isValid(metered.bytes)) throw new ModuleRefused('it could not be metered')
  return metered
}

function rewrite(module: Uint8Array, maxPages: number): Metered {
  const sections = readSections(module)
  const types = readTypes(sections)
  const imports = readImports(sections)
  const own = readFunctions(sections)
  const tables = readTables(sections)
  const memory = readMemory(sections, maxPages)
  const maxOfMemory = memory ? Math.min(memory.max ?? maxPages, maxPages) : 0
  const exports = readExports(sections, imports.length)
  const start = sections.get(SECTION.start)?.u32()
  const globalsOut = new Writer()
  const globals = copyGlobals(sections.get(SECTION.global), imports.length, globalsOut)

  const typeAt = (index: number): FunctionType => {
    const type = types[index]
    if (!type) throw new ModuleRefused('not a valid WebAssembly module')
    return type
  }
  const firstHelper = imports.length + 1 + own.length
  const around: Surroundings = {
    types,
    functions: [...imports.map(({ type }) => typeAt(type)), ...own.map(typeAt)],
    imported: imports.length,
    globals,
    tables: tables.map(({ type }) => type),
    helpers: {
      fuel: globals.length,
      depth: globals.length + 1,
      ask: firstHelper,
      chargeBytes: firstHelper + 1,
      chargeElements: firstHelper + 2,
      grow: firstHelper + 3
    },
    budget: { tracking: 2 ** 28, joins: 2 ** 28 }
  }

  // what is added: types, helpers, and a wrapper for each function that the host enters
  const refuelType = types.length
  const askType = types.length + 1
  const lengthType = types.length + 2
  const startType = types.length + 3
  const { helpers } = around
  const added: { type: number; body: Uint8Array }[] = [
    { type: askType, body: askBody({ fuel: helpers.fuel, refuel: imports.length }) },
    { type: lengthType, body: chargeBytesBody(helpers) },
    { type: lengthType, body: chargeElementsBody(helpers) }
  ]
  if (memory) added.push({ type: lengthType, body: growBody(helpers, maxOfMemory) })
  const wrappers = new Map<number, number>()
  const wrap = (target: number, type: number, params: number): number => {
    const found = wrappers.get(target) ?? firstHelper + added.length
    if (!wrappers.has(target)) added.push({ type, body: wrapperBody(helpers.depth, target, params) })
    wrappers.set(target, found)
    return found
  }
  const entered = (entry: Export): Export => {
    if (entry.kind !== 0 || entry.index <= imports.length) return entry
    const type = own[entry.index - imports.length - 1]
    if (type === undefined) throw new ModuleRefused('not a valid WebAssembly module')
    return { ...entry, index: wrap(entry.index, type, typeAt(type).params.length) }
  }
  const exported = exports.map(entered)
  exported.push({ name: NAMES.fuel, kind: 3, index: helpers.fuel })
  if (start !== undefined)
    exported.push({ name: NAMES.start, kind: 0, index: wrap(shifted(start, imports.length), startType, 0) })

  const out = new Writer(2 * module.length + 1024)
  out.bytes(module.subarray(0, 8))
  const section = (number: number, write: (body: Writer) => void): void => {
    const body = new Writer()
    write(body)
    out.byte(number).sized(body.done())
  }
  section(SECTION.type, body => {
    body.u32(types.length + 4)
    for (const { params, results } of types) body.byte(0x60).sized(params).sized(results)
    body.put(0x60, 1, I64, 1, I64)
    body.put(0x60, 0, 1, I64)
    body.put(0x60, 1, I32, 1, I32)
    body.put(0x60, 0, 0)
  })
  section(SECTION.import, body => {
    body.u32(imports.length + 1)
    for (const { module: from, name, type } of imports) body.name(from).name(name).byte(0).u32(type)
    body.name(NAMES.module).name(NAMES.refuel).byte(0).u32(refuelType)
  })
  section(SECTION.function, body => {
    body.u32(own.length + added.length)
    for (const type of own) body.u32(type)
    for (const { type } of added) body.u32(type)
  })
  if (tables.length > 0)
    section(SECTION.table, body => {
      body.u32(tables.length)
      for (const { type, limits } of tables) {
        const max = Math.min(limits.max ?? LIMIT.tableSize, LIMIT.tableSize)
        body.put(type, 1).u32(limits.min).u32(max)
      }
    })
  if (memory) section(SECTION.memory, body => body.put(1, 1).u32(memory.min).u32(maxOfMemory))
  section(SECTION.global, body => {
    body.u32(globals.length + 2).bytes(globalsOut.done())
    body.put(I64, 1, 0x42, 0x00, 0x0b)
    body.put(I32, 1, 0x41, 0x00, 0x0b)
  })
  section(SECTION.export, body => {
    body.u32(exported.length)
    for (const { name, kind, index } of exported) body.name(name).byte(kind).u32(index)
  })
  const elements = sections.get(SECTION.element)
  if (elements) section(SECTION.element, body => copyElements(elements, imports.length, body))
  const dataCount = sections.get(SECTION.dataCount)
  if (dataCount)
    section(SECTION.dataCount, body => body.u32(dataCount.count(LIMIT.segments, 'data segments')))
  section(SECTION.code, body => {
    body.u32(own.length + added.length)
    const code = sections.get(SECTION.code)
    if (countOf(code, LIMIT.functions, 'functions') !== own.length)
      throw new ModuleRefused('not a valid WebAssembly module')
    own.forEach(type => {
      const size = code!.u32()
      const from = code!.at
      code!.skip(size)
      body.sized(meterBody(new Reader(module, from, code!.at), typeAt(type), around))
    })
    for (const helper of added) body.sized(helper.body)
  })
  const data = sections.get(SECTION.data)
  if (data) {
    const from = data.at
    data.count(LIMIT.segments, 'data segments')
    section(SECTION.data, body => body.bytes(module.subarray(from, data.end)))
  }
  return { bytes: out.done(), hasStart: start !== undefined, functions: own.length }
}

/** Types of the globals, whose entries are copied. */
function copyGlobals(reader: Reader | undefined, imported: number, out: Writer): number[] {
  const types: number[] = []
  for (let left = countOf(reader, LIMIT.globals, 'globals'); left > 0; left--) {
    const type = reader!.byte()
    if (!isValueType(type)) throw new ModuleRefused('it uses garbage collection (typed references)')
    types.push(type)
    out.byte(type).byte(reader!.byte())
    copyConstant(reader!, imported, out)
  }
  return types
}
