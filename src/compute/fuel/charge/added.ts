import { askBody, chargeBytesBody, chargeElementsBody, growBody, wrapperBody } from './inserted-functions.js'
import type { Helpers } from './surroundings.js'
import { I32, I64 } from '../wasm/types.js'
import type { FunctionType } from '../wasm/types.js'

/** Counts of the original module. */
export interface Own {
  types: number
  imported: number
  functions: number
  globals: number
  /** Pages; null for a module without memory. */
  maxOfMemory: number | null
}

/** The parts added to a module: types, globals, inserted functions, and a wrapper for each function that the host enters. */
export class Added {
  readonly types: readonly FunctionType[] = [
    { params: [I64], results: [I64] },
    { params: [], results: [I64] },
    { params: [I32], results: [I32] },
    { params: [], results: [] }
  ]
  readonly refuelType: number
  readonly helpers: Helpers
  readonly functions: { type: number; body: Uint8Array }[]
  readonly #first: number
  readonly #startType: number
  readonly #wrappers = new Map<number, number>()

  constructor({ types, imported, functions, globals, maxOfMemory }: Own) {
    this.refuelType = types
    const [askType, lengthType] = [types + 1, types + 2]
    this.#startType = types + 3
    // the added import comes before the module's own functions
    this.#first = imported + 1 + functions
    this.helpers = {
      fuel: globals,
      depth: globals + 1,
      reach: globals + 2,
      ask: this.#first,
      chargeBytes: this.#first + 1,
      chargeElements: this.#first + 2,
      grow: this.#first + 3
    }
    this.functions = [
      { type: askType, body: askBody(globals, imported) },
      { type: lengthType, body: chargeBytesBody(this.helpers) },
      { type: lengthType, body: chargeElementsBody(this.helpers) }
    ]
    if (maxOfMemory !== null)
      this.functions.push({ type: lengthType, body: growBody(this.helpers, maxOfMemory) })
  }

  /** The wrapper of a function, by indices in the metered module. */
  wrapper(target: number, type: number, params: number): number {
    const found = this.#wrappers.get(target)
    if (found !== undefined) return found
    const index = this.#first + this.functions.length
    this.functions.push({ type, body: wrapperBody(this.helpers.depth, target, params) })
    this.#wrappers.set(target, index)
    return index
  }

  startWrapper(target: number): number {
    return this.wrapper(target, this.#startType, 0)
  }
}
