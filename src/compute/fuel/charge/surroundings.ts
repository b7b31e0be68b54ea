import type { FunctionType } from '../wasm/types.js'

/** What a function's body refers to. */
export interface Surroundings {
  types: readonly FunctionType[]
  /** By index, imported ones first. */
  functions: readonly FunctionType[]
  imported: number
  globals: readonly number[]
  /** Element types. */
  tables: readonly number[]
  helpers: Helpers
  /** Work that is left, over all functions. */
  budget: FuelBudget
}

export interface FuelBudget {
  /** Of following floats through locals: followed locals times bytes. A function beyond it has them canonical in locals. */
  tracking: number
  /** Locals times branches: engines copy the state of all locals at each. */
  joins: number
  /** Squares of the number of loops in a function: optimising compilers take that long. */
  loops: number
}

/** Indices in the metered module. */
export interface Helpers {
  fuel: number
  depth: number
  /** () -> i64: asks the host for what is missing; leaves what there is then. */
  ask: number
  /** (i32) -> i32: charges for so many bytes, and leaves the number. */
  chargeBytes: number
  /** (i32) -> i32: charges for so many elements, and leaves the number. */
  chargeElements: number
  /** (i32) -> i32: what memory.grow does, paid for. */
  grow: number
}
