import { writeCanonical } from '../nan/canonical.js'
import { Charges } from './charges.js'
import { enterFrame, FRAME_SLOTS, LEAF_SLOTS, leaveRest } from './depth.js'
import { Edits } from './edits.js'
import { Flow } from './flow.js'
import { Instructions } from './instructions.js'
import { LIMIT } from '../limits.js'
import type { WasmReader } from '../wasm/reader.js'
import { ModuleRefused } from '../refused.js'
import type { Surroundings } from './surroundings.js'
import { I32, I64, isValueType, slots } from '../wasm/types.js'
import type { FunctionType } from '../wasm/types.js'
import { wrapLoop } from './wrapped.js'
import { Writer } from '../wasm/writer.js'

/** Fuel that a function without loops and calls may use without a check. */
const UNCHECKED = 1000

/** Meters one function; `reader` covers its body from the locals on. Returns the new body without its size. */
export function meterBody(reader: WasmReader, type: FunctionType, around: Surroundings): Uint8Array {
  if (reader.end - reader.at > LIMIT.bodyBytes)
    throw new ModuleRefused(`a function of ${reader.end - reader.at} bytes, more than ${LIMIT.bodyBytes}`)
  const groupsAt = reader.at
  const groups = reader.u32()
  const afterGroups = reader.at
  const locals = [...type.params, ...readLocals(reader, groups)]
  const start = reader.at

  const edits = new Edits()
  const charges = new Charges(start, true)
  const flow = new Flow(locals, type, charges, around.budget, reader.end - start)
  const instructions = new Instructions(reader, flow, edits, charges, locals, around)
  charges.add(Math.ceil((locals.length - type.params.length) / 4))
  instructions.run()
  around.budget.loops -= instructions.loops ** 2

  const extra = new ExtraLocals(locals.length)
  if (!charges.isEmpty) {
    const entry = charges.first
    if (!instructions.calls && instructions.loops === 0 && charges.total <= UNCHECKED) entry.checked = false
    const { fuel: global, reach, ask } = around.helpers
    const places = { local: extra.take(I64), global, reach, ask }
    charges.place(edits, places)
    for (const loop of flow.wrapped) wrapLoop(edits, reader.bytes, loop, places)
  }
  const frame = FRAME_SLOTS + slots(locals) + flow.operands.deepest + instructions.computed
  if (instructions.callsGuest || frame > LEAF_SLOTS) {
    const local = extra.take(I32)
    enterFrame(edits, start, frame, around.helpers.depth, local)
    for (const at of instructions.guestCalls)
      edits.insert(at, 'before', out => leaveRest(out, around.helpers.depth, local))
  }
  for (const { at, type: valueType, kind } of flow.values.canonicalised()) {
    const local = extra.scratch(valueType)
    edits.insert(at, 'after', out => writeCanonical(out, valueType, kind, local))
  }

  const out = new Writer(2 * (reader.end - groupsAt))
  out.u32(groups + extra.types.length).bytes(reader.bytes.subarray(afterGroups, start))
  for (const added of extra.types) out.put(1, added)
  edits.apply(reader.bytes, start, reader.end, out)
  return out.done()
}

/** Types of the declared locals; their number is checked before the list is built. */
function readLocals(reader: WasmReader, groups: number): number[] {
  const types: number[] = []
  for (let left = groups; left > 0; left--) {
    const count = reader.u32()
    if (types.length + count > LIMIT.locals)
      throw new ModuleRefused(`a function with more than ${LIMIT.locals} locals`)
    const type = reader.byte()
    if (!isValueType(type)) throw new ModuleRefused('a local has an unknown type')
    for (let i = 0; i < count; i++) types.push(type)
  }
  return types
}

/** Locals added after the function's own. */
class ExtraLocals {
  readonly types: number[] = []
  readonly #scratch = new Map<number, number>()

  constructor(readonly from: number) {}

  take(type: number): number {
    return this.from + this.types.push(type) - 1
  }

  /** A scratch local, one for each type, for values used immediately. */
  scratch(type: number): number {
    const found = this.#scratch.get(type) ?? this.take(type)
    this.#scratch.set(type, found)
    return found
  }
}
