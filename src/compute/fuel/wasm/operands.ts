import { ModuleRefused } from '../refused.js'
import { V128 } from './types.js'

/** The operand stack of a function, as far as the rewriter needs it. */
export class Operands {
  readonly types: number[] = []
  /** Node of each operand, see values.ts. */
  readonly nodes: number[] = []
  /** Offset in the source after the instruction that pushed each operand. */
  readonly ats: number[] = []
  #slots = 0
  /** Greatest height so far, in machine words. */
  deepest = 0

  get height(): number {
    return this.types.length
  }

  push(type: number, node: number, at: number): void {
    this.types.push(type)
    this.nodes.push(node)
    this.ats.push(at)
    this.#slots += type === V128 ? 2 : 1
    if (this.#slots > this.deepest) this.deepest = this.#slots
  }

  pop(count = 1): void {
    if (count > this.height) throw new ModuleRefused('not a valid WebAssembly module')
    for (; count > 0; count--) {
      this.#slots -= this.types.pop() === V128 ? 2 : 1
      this.nodes.pop()
      this.ats.pop()
    }
  }

  /** Drops the operands above a height. */
  cut(height: number): void {
    this.pop(Math.max(0, this.height - height))
  }
}
