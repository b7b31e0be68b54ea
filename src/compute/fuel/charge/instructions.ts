import { Addresses } from './addresses.js'
import type { Charges } from './charges.js'
import type { Edits } from './edits.js'
import type { Flow } from './flow.js'
import { constantKind } from '../wasm/constants.js'
import { ANY } from '../nan/kinds.js'
import { ByLength } from './by-length.js'
import { COST } from '../costs.js'
import { SATURATING } from '../wasm/opcodes.js'
import type { OpcodeOperation } from '../wasm/opcodes.js'
import { onlyMemory, passImmediate, passOver, plainOperation, refuseOpcode } from '../wasm/pass.js'
import { WasmReader } from '../wasm/reader.js'
import { ModuleRefused } from '../refused.js'
import type { Surroundings } from './surroundings.js'
import { EXTERNREF, FUNCREF, I32, isValueType, V128 } from '../wasm/types.js'
import type { FunctionType } from '../wasm/types.js'
import { Values } from '../nan/values.js'

/** Reads the instructions of one function and records the edits to make. */
export class Instructions {
  /** Offsets of calls that may reach functions of the module. */
  readonly guestCalls: number[] = []
  calls = false
  loops = 0
  /** Machine words of all values computed from operands alone. */
  computed = 0
  readonly #byLength: ByLength
  readonly #addresses: Addresses
  #live = true

  constructor(
    readonly reader: WasmReader,
    readonly flow: Flow,
    readonly edits: Edits,
    readonly charges: Charges,
    readonly locals: readonly number[],
    readonly around: Surroundings
  ) {
    this.#byLength = new ByLength(reader, flow, edits, charges, around.helpers)
    this.#addresses = new Addresses(charges)
  }

  get callsGuest(): boolean {
    return this.guestCalls.length > 0
  }

  run(): void {
    const { reader, flow } = this
    while (!flow.isOver) {
      const at = reader.at
      this.#instruction(reader.byte(), at)
      if (!this.#live) this.#passDead()
    }
    if (!reader.done) throw new ModuleRefused('not a valid WebAssembly module')
  }

  /** Removes unreachable code, up to the else or end that closes it. */
  #passDead(): void {
    const { reader } = this
    const from = reader.at
    for (let depth = 0; ;) {
      const at = reader.at
      const opcode = reader.byte()
      if (depth === 0 && (opcode === 0x05 || opcode === 0x0b)) {
        this.edits.remove(from, at)
        if (opcode === 0x05) this.flow.otherwise(reader.at, false)
        else this.flow.close(reader.at, false)
        this.#live = true
        return
      }
      if (opcode >= 0x02 && opcode <= 0x04) depth++
      if (opcode === 0x0b) depth--
      passOver(opcode, reader)
    }
  }

  #instruction(opcode: number, at: number): void {
    const { reader, flow, charges, around } = this
    const plain = plainOperation(opcode, reader)
    if (plain) return this.#plain(plain, at)
    switch (opcode) {
      case 0x00: // unreachable
        this.#live = false
        return
      case 0x01: // nop
        return
      case 0x02: // block
        return flow.open(opcode, this.#blockType(), at, reader.at)
      case 0x03: // loop
        if ((++this.loops) ** 2 > around.budget.loops)
          throw new ModuleRefused('too many loops in one function')
        flow.open(opcode, this.#blockType(), at, reader.at)
        return charges.add(COST.loop)
      case 0x04: // if
        charges.add(COST.if)
        flow.operands.pop()
        return flow.open(opcode, this.#blockType(), at, reader.at)
      case 0x05: // else
        return flow.otherwise(reader.at, true)
      case 0x0b: // end
        return flow.close(reader.at, true)
      case 0x0c: // br
        this.#branch(opcode, reader.u32(), at)
        this.#live = false
        return
      case 0x0d: // br_if
        charges.add(COST.branchIf)
        flow.operands.pop()
        this.#branch(opcode, reader.u32(), at)
        charges.begin(reader.at)
        return
      case 0x0e: // br_table
        return this.#branchTable(at)
      case 0x0f: // return
        flow.return()
        this.#live = false
        return
      case 0x10: // call
        return this.#call(reader.u32(), at)
      case 0x11: // call_indirect
        return this.#callIndirect(at)
      case 0x1a: // drop
        return flow.operands.pop()
      case 0x1c: // select with types
        if (reader.u32() !== 1 || !isValueType(reader.byte()))
          throw new ModuleRefused('a select has an unknown type')
        return this.#select()
      case 0x1b: // select
        return this.#select()
      case 0x20: {
        const local = reader.u32()
        charges.add(COST.local)
        this.#addresses.got(local, reader.at)
        return flow.get(local, reader.at)
      }
      case 0x21: // local.set, local.tee
      case 0x22: {
        const local = reader.u32()
        charges.add(COST.local)
        this.#addresses.set(local, opcode === 0x22 ? reader.at : null)
        return flow.set(local, opcode === 0x22, reader.at)
      }
      case 0x23: // global.get
        charges.add(COST.globalGet)
        this.computed += 2
        return this.#push(typeOf(around.globals, reader.u32()))
      case 0x24: // global.set
        charges.add(COST.globalSet)
        typeOf(around.globals, reader.u32())
        return flow.take(1, 0)
      case 0x25: // table.get
        charges.add(COST.tableGet)
        flow.operands.pop()
        return this.#push(typeOf(around.tables, reader.u32()))
      case 0x26: // table.set
        charges.add(COST.tableSet)
        reader.u32()
        return flow.operands.pop(2)
      case 0x3f: // memory.size
        onlyMemory(reader)
        charges.add(COST.memorySize)
        return this.#push(I32)
      case 0x40: // memory.grow
        return this.#byLength.grow(at)
      case 0xd0: {
        // ref.null
        const type = reader.byte()
        if (type !== FUNCREF && type !== EXTERNREF)
          throw new ModuleRefused('it uses typed function references')
        charges.add(COST.reference)
        return this.#push(type)
      }
      case 0xd1: // ref.is_null
        charges.add(COST.reference)
        flow.operands.pop()
        return this.#push(I32)
      case 0xd2: // ref.func
        charges.add(COST.reference)
        this.#shiftedIndex(0xd2, reader.u32(), at)
        return this.#push(FUNCREF)
      case 0xfc:
        return this.#bulk(reader.u32(), at)
    }
    refuseOpcode(opcode)
  }

  #push(type: number): void {
    this.flow.operands.push(type, Values.OTHER, this.reader.at)
  }

  #compute(type: number): void {
    this.computed += type === V128 ? 2 : 1
  }

  #select(): void {
    this.flow.operands.pop()
    this.charges.add(COST.select)
    this.computed += 2
    this.flow.select(this.reader.at)
  }

  #plain(operation: OpcodeOperation, at: number): void {
    const { reader, flow, charges } = this
    const { operands, values } = flow
    const { pops, pushes, immediate, sign } = operation
    let { accepts, makes } = operation
    const from = reader.at
    passImmediate(immediate, reader)
    charges.add(operation.cost)
    if (immediate === 'memory' || immediate === 'memory+lane') this.#access(pops.length, from)
    if (pops.length === 0) makes = constantKind(immediate, reader.bytes.subarray(from, reader.at))
    if (sign) {
      const top = operands.height - 1
      if (top >= 0 && operands.ats[top] === at && values.isFresh(operands.nodes[top]!, at)) accepts = makes
      else makes = ANY
    }
    flow.take(pops.length, accepts)
    const [type] = pushes
    if (type === undefined) return
    if (immediate === 'none' || immediate === 'lane' || immediate === 'sixteen') this.#compute(type)
    operands.push(type, values.made(makes, type, reader.at), reader.at)
  }

  /** Charges an access of memory for its reach, unless it is near an earlier one; its immediates are at `from`. */
  #access(pops: number, from: number): void {
    if (!this.around.hasReach) return
    const immediates = new WasmReader(this.reader.bytes, from, this.reader.at)
    immediates.u32()
    const { ats, height } = this.flow.operands
    if (!this.#addresses.isNear(ats[height - pops], immediates.u32())) this.charges.reach()
  }

  #bulk(number: number, at: number): void {
    const saturating = SATURATING[number]
    if (saturating) this.#plain(saturating, at)
    else this.#byLength.bulk(number, at)
  }

  #blockType(): FunctionType {
    const { reader, around } = this
    const type = reader.s33()
    if (type === -64) return { params: [], results: [] }
    if (type < 0) {
      if (!isValueType(type + 128)) throw new ModuleRefused('a block has an unknown type')
      return { params: [], results: [type + 128] }
    }
    const found = around.types[type]
    if (!found) throw new ModuleRefused('not a valid WebAssembly module')
    return found
  }

  #branch(opcode: number, depth: number, at: number): void {
    this.flow.branch(depth)
    const written = this.flow.written(depth)
    this.edits.replace(at, this.reader.at, out => out.byte(opcode).u32(written()))
  }

  #branchTable(at: number): void {
    const { reader, flow, charges } = this
    charges.add(COST.branchTable + this.around.codeReach)
    flow.operands.pop()
    const depths: number[] = []
    const count = reader.u32()
    for (let left = count + 1; left > 0; left--) depths.push(reader.u32())
    const written = new Map<number, () => number>()
    for (const depth of depths) {
      if (written.has(depth)) continue
      flow.branch(depth)
      written.set(depth, flow.written(depth))
    }
    this.edits.replace(at, reader.at, out => {
      out.byte(0x0e).u32(count)
      for (const depth of depths) out.u32(written.get(depth)!())
    })
    this.#live = false
  }

  #call(index: number, at: number): void {
    const { around, charges } = this
    const type = around.functions[index]
    if (!type) throw new ModuleRefused('not a valid WebAssembly module')
    charges.add(COST.call + around.codeReach)
    if (index >= around.imported) this.guestCalls.push(at)
    this.#shiftedIndex(0x10, index, at)
    this.#called(type)
  }

  #callIndirect(at: number): void {
    const { reader, around, charges, flow } = this
    const type = around.types[reader.u32()]
    reader.u32()
    if (!type) throw new ModuleRefused('not a valid WebAssembly module')
    charges.add(COST.callIndirect + around.codeReach)
    this.guestCalls.push(at)
    flow.operands.pop()
    this.#called(type)
  }

  #called(type: FunctionType): void {
    this.calls = true
    this.flow.called()
    this.flow.take(type.params.length, 0)
    for (const result of type.results) this.#push(result)
  }

  /** The indices of the module's own functions shift by one, because an import is added before them. */
  #shiftedIndex(opcode: number, index: number, at: number): void {
    if (index < this.around.imported) return
    this.edits.replace(at, this.reader.at, out => out.byte(opcode).u32(index + 1))
  }
}

function typeOf(types: readonly number[], index: number): number {
  const type = types[index]
  if (type === undefined) throw new ModuleRefused('not a valid WebAssembly module')
  return type
}
