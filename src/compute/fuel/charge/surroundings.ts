import type { FunctionType } from '../wasm/types.js'

/** The parts of the module that function bodies refer to. */
export interface Surroundings {
  types: readonly FunctionType[]
  /** Function types by function index, imports first. */
  functions: readonly FunctionType[]
  imported: number
  globals: readonly number[]
  /** Element types. */
  tables: readonly number[]
  helpers: Helpers
  /** Whether the memory may grow to a size at which accesses cost more, see reach.ts. */
  hasReach: boolean
  /** What a call, or a jump by a table, costs more in code of this size, see reach.ts. */
  codeReach: number
  /** Remaining work budget for all functions. */
  budget: FuelBudget
}

export interface FuelBudget {
  /** For tracking floats in locals: tracked locals times bytes. Beyond it, floats are made canonical when set. */
  tracking: number
  /** Locals times branches, because engines copy the state of all locals at each branch. */
  joins: number
  /** Sum of squares of the loops per function: the time that optimising compilers take. */
  loops: number
}

/** Indices of inserted globals and functions in the metered module. */
export interface Helpers {
  fuel: number
  depth: number
  /** i64: what an access costs more in a memory of the present size. */
  reach: number
  /** () -> i64: asks the host for the missing fuel and returns the new fuel. */
  ask: number
  /** (i32) -> i32: charges for a number of bytes and returns the number. */
  chargeBytes: number
  /** (i32) -> i32: charges for a number of elements and returns the number. */
  chargeElements: number
  /** (i32) -> i32: memory.grow with its charge. */
  grow: number
}
