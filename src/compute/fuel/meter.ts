import { isValid } from './engine.js'
import { LIMIT } from './limits.js'
import { ModuleRefused } from './refused.js'
import { rewrite } from './rewrite.js'
import type { Metered } from './rewrite.js'

export { NAMES } from './wasm/module.js'
export { ModuleRefused } from './refused.js'
export type { Metered } from './rewrite.js'

/** Says how a module is rewritten, and what it is charged: another rule has another version. */
export const FUEL_VERSION = 'fuel/1'

/** What a host takes off the guest's fuel for each call of its own, and for each byte that the call moves. */
export const HOST_COST = { call: 1024n, perByte: 1n } as const

export interface MeterOptions {
  /** Of 64 KiB, at most; what the module may grow to. */
  maxPages: number
  maxModuleBytes?: number
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
