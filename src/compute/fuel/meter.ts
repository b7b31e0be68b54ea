import { isValid } from './engine.js'
import { LIMIT } from './limits.js'
import { ModuleRefused } from './refused.js'
import { rewrite } from './rewrite.js'
import type { Metered } from './rewrite.js'

export { NAMES } from './wasm/module.js'
export { ModuleRefused } from './refused.js'
export type { Metered } from './rewrite.js'

/** Version of the rules for rewriting and charging; every change of the rules changes it. */
export const FUEL_VERSION = 'fuel/2'

/**
 * Fuel that a host charges for each call of a host function, for one that it refuses in addition, for each byte that a call
 * moves, and for each item that it looks at: a part of a read or write, a subscription, a component of a path.
 */
export const HOST_COST = { call: 8192n, refusal: 8192n, byte: 1n, item: 1024n } as const

export interface MeterOptions {
  /** Most pages of 64 KiB that the module's memory may grow to. */
  maxPages: number
  maxModuleBytes?: number
}

/**
 * Rewrites a wasm32 command module so that it counts its fuel, the same on every engine.
 *
 * The metered module imports `bushel.refuel: (missing: i64) -> (granted: i64)`, called when its fuel is below zero: the
 * grant is added, and the guest traps when it is not enough. It exports its fuel as a mutable i64 global, from which the
 * host subtracts HOST_COST. Fuel starts at 0 and may end a little below zero: the guest asks only at the entry of functions,
 * at the head of loops and before instructions charged by length. All used fuel counts.
 */
export function meter(module: Uint8Array, options: MeterOptions): Metered {
  const most = options.maxModuleBytes ?? LIMIT.moduleBytes
  if (module.length > most) throw new ModuleRefused(`a module of ${module.length} bytes, more than ${most}`)
  // an invalid module could access the added parts
  const valid = isValid(module)
  const metered = rewrite(module, options.maxPages)
  if (!valid) throw new ModuleRefused('not a valid WebAssembly module')
  if (!isValid(metered.bytes)) throw new ModuleRefused('it could not be metered')
  return metered
}
