import type { Charges } from './charges.js'
import { COST } from '../costs.js'
import type { Edits } from './edits.js'
import type { Flow } from './flow.js'
import { onlyMemory } from '../wasm/pass.js'
import type { WasmReader } from '../wasm/reader.js'
import { ModuleRefused } from '../refused.js'
import type { Helpers } from './surroundings.js'
import { I32 } from '../wasm/types.js'
import { Values } from '../nan/values.js'

/** Charges instructions by a length operand on top of the stack: an inserted function charges for it first. */
export class ByLength {
  constructor(
    readonly reader: WasmReader,
    readonly flow: Flow,
    readonly edits: Edits,
    readonly charges: Charges,
    readonly helpers: Helpers
  ) {}

  /** memory.grow, replaced by a call of an inserted function. */
  grow(at: number): void {
    const { reader, flow } = this
    onlyMemory(reader)
    this.charges.add(COST.grow)
    flow.called()
    this.edits.replace(at, reader.at, out => out.byte(0x10).u32(this.helpers.grow))
    flow.operands.pop()
    this.#pushNumber()
  }

  /** Instructions with prefix 0xfc that are not conversions; `number` is the part after the prefix. */
  bulk(number: number, at: number): void {
    const { reader, charges, flow, helpers } = this
    const { operands } = flow
    switch (number) {
      case 8: // memory.init
      case 10: // memory.copy
      case 11: // memory.fill
        if (number === 8) reader.u32()
        onlyMemory(reader)
        if (number === 10) onlyMemory(reader)
        this.#charge(at, helpers.chargeBytes, COST.bulkMemory)
        return operands.pop(3)
      case 12: // table.init
      case 14: // table.copy
      case 17: // table.fill
        reader.u32()
        if (number !== 17) reader.u32()
        this.#charge(at, helpers.chargeElements, COST.bulkTable)
        return operands.pop(3)
      case 15: // table.grow
        reader.u32()
        this.#charge(at, helpers.chargeElements, COST.bulkTable)
        operands.pop(2)
        return this.#pushNumber()
      case 9: // data.drop
      case 13: // elem.drop
        reader.u32()
        return charges.add(COST.drop)
      case 16: // table.size
        reader.u32()
        charges.add(COST.memorySize)
        return this.#pushNumber()
    }
    throw new ModuleRefused(`unknown instruction 0xfc ${number}`)
  }

  #charge(at: number, helper: number, cost: number): void {
    this.charges.add(cost)
    this.flow.called()
    this.edits.insert(at, 'before', out => out.byte(0x10).u32(helper))
  }

  #pushNumber(): void {
    this.flow.operands.push(I32, Values.OTHER, this.reader.at)
  }
}
