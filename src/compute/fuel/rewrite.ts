import { beginningCost } from './beginning.js'
import { Added } from './charge/added.js'
import { meterBody } from './charge/body.js'
import { copyConstant, shifted } from './wasm/constants.js'
import { LIMIT } from './limits.js'
import {
  NAMES,
  readExports,
  readFunctions,
  readImports,
  readMemory,
  readTables,
  readTypes
} from './wasm/module.js'
import { codeReachOf, hasReach, reachOf } from './reach.js'
import { WasmReader } from './wasm/reader.js'
import { ModuleRefused } from './refused.js'
import { countOf, readSections, SECTION } from './wasm/sections.js'
import { copyData, copyElements } from './wasm/segments.js'
import type { Surroundings } from './charge/surroundings.js'
import { I32, I64, isValueType } from './wasm/types.js'
import type { FunctionType } from './wasm/types.js'
import { Writer } from './wasm/writer.js'

export interface Metered {
  bytes: Uint8Array
  /** Whether the module had a start function. It is exported as NAMES.start; call it once after instantiation. */
  hasStart: boolean
  /** Number of the module's own functions. */
  functions: number
  /** Fuel of its beginning, which the host subtracts before it runs anything, see beginning.ts. */
  beginning: bigint
}

/** Rewrites a module so that it counts its fuel. The caller validates the original and the result. */
export function rewrite(module: Uint8Array, maxPages: number): Metered {
  const sections = readSections(module)
  const types = readTypes(sections)
  const imports = readImports(sections)
  const own = readFunctions(sections)
  const tables = readTables(sections)
  const memory = readMemory(sections, maxPages)
  const maxOfMemory = memory ? Math.min(memory.max ?? maxPages, maxPages) : null
  const exports = readExports(sections, imports.length)
  const start = sections.get(SECTION.start)?.u32()
  const globalsOut = new Writer()
  const globals = copyGlobals(sections.get(SECTION.global), imports.length, globalsOut)

  const code = sections.get(SECTION.code)
  const codeBytes = code ? code.end - code.at : 0

  const typeAt = (index: number | undefined): FunctionType => {
    const type = index === undefined ? undefined : types[index]
    if (!type) throw new ModuleRefused('not a valid WebAssembly module')
    return type
  }
  const added = new Added({
    types: types.length,
    imported: imports.length,
    functions: own.length,
    globals: globals.length,
    maxOfMemory
  })
  const around: Surroundings = {
    types,
    functions: [...imports.map(({ type }) => typeAt(type)), ...own.map(typeAt)],
    imported: imports.length,
    globals,
    tables: tables.map(({ type }) => type),
    helpers: added.helpers,
    hasReach: hasReach(maxOfMemory ?? 0),
    codeReach: codeReachOf(codeBytes),
    budget: { tracking: LIMIT.tracking, joins: LIMIT.joins, loops: LIMIT.loopsSquared }
  }
  const exported = exports.map(entry => {
    // imported functions need no wrapper
    if (entry.kind !== 0 || entry.index < imports.length) return entry
    const type = own[entry.index - imports.length - 1]
    return { ...entry, index: added.wrapper(entry.index, type ?? 0, typeAt(type).params.length) }
  })
  exported.push({ name: NAMES.fuel, kind: 3, index: added.helpers.fuel })
  if (start !== undefined)
    exported.push({ name: NAMES.start, kind: 0, index: added.startWrapper(shifted(start, imports.length)) })

  const out = new Writer(2 * module.length + 1024)
  out.bytes(module.subarray(0, 8))
  const section = (number: number, write: (body: Writer) => void): void => {
    const body = new Writer()
    write(body)
    out.byte(number).sized(body.done())
  }
  section(SECTION.type, body => {
    const all = [...types, ...added.types]
    body.u32(all.length)
    for (const { params, results } of all) body.byte(0x60).sized(params).sized(results)
  })
  section(SECTION.import, body => {
    body.u32(imports.length + 1)
    for (const { module: from, name, type } of imports) body.name(from).name(name).byte(0).u32(type)
    body.name(NAMES.module).name(NAMES.refuel).byte(0).u32(added.refuelType)
  })
  section(SECTION.function, body => {
    body.u32(own.length + added.functions.length)
    for (const type of own) body.u32(type)
    for (const { type } of added.functions) body.u32(type)
  })
  if (tables.length > 0)
    section(SECTION.table, body => {
      body.u32(tables.length)
      for (const { type, limits } of tables) {
        const max = Math.min(limits.max ?? LIMIT.tableSize, LIMIT.tableSize)
        body.put(type, 1).u32(limits.min).u32(max)
      }
    })
  if (memory)
    section(SECTION.memory, body =>
      body
        .put(1, 1)
        .u32(memory.min)
        .u32(maxOfMemory ?? 0)
    )
  section(SECTION.global, body => {
    body.u32(globals.length + 3).bytes(globalsOut.done())
    body.put(I64, 1, 0x42, 0x00, 0x0b)
    body.put(I32, 1, 0x41, 0x00, 0x0b)
    body
      .put(I64, 1, 0x42)
      .signed(reachOf(memory?.min ?? 0))
      .byte(0x0b)
  })
  section(SECTION.export, body => {
    body.u32(exported.length)
    for (const { name, kind, index } of exported) body.name(name).byte(kind).u32(index)
  })
  const elements = sections.get(SECTION.element)
  let filled = tables.reduce((sum, { limits }) => sum + limits.min, 0)
  if (elements)
    section(SECTION.element, body => {
      filled += copyElements(elements, imports.length, body)
    })
  const dataCount = sections.get(SECTION.dataCount)
  if (dataCount)
    section(SECTION.dataCount, body => body.u32(dataCount.count(LIMIT.segments, 'data segments')))
  section(SECTION.code, body => {
    body.u32(own.length + added.functions.length)
    if (countOf(code, LIMIT.functions, 'functions') !== own.length)
      throw new ModuleRefused('not a valid WebAssembly module')
    for (const type of own) {
      const size = code!.u32()
      const from = code!.at
      code!.skip(size)
      body.sized(meterBody(new WasmReader(module, from, code!.at), typeAt(type), around))
    }
    for (const helper of added.functions) body.sized(helper.body)
  })
  const data = sections.get(SECTION.data)
  let dataBytes = 0
  if (data)
    section(SECTION.data, body => {
      dataBytes = copyData(data, imports.length, body)
    })
  const beginning = beginningCost({ pages: memory?.min ?? 0, dataBytes, elements: filled })
  return { bytes: out.done(), hasStart: start !== undefined, functions: own.length, beginning }
}

/** Copies the globals and returns their types. */
function copyGlobals(reader: WasmReader | undefined, imported: number, out: Writer): number[] {
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
