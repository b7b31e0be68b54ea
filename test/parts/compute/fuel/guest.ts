import { meter, NAMES } from '../../../../src/compute/fuel/meter.js'
import type { Metered } from '../../../../src/compute/fuel/meter.js'
import { assemble } from './assembler.js'

// Runs modules in this process: plain ones, and metered ones whose fuel is granted in portions.

export interface Memory {
  buffer: ArrayBuffer
}

export interface Global {
  value: number | bigint
}

export type Callable = (...args: (number | bigint)[]) => unknown

type Exports = Record<string, Callable | Memory | Global>

interface Engine {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: object) => { exports: Exports }
  RuntimeError: new () => Error
}

export const engine = (globalThis as unknown as { WebAssembly: Engine }).WebAssembly

export interface Grant {
  /** Total fuel; unbounded by default. */
  most?: bigint
  /** Fuel granted each time beyond what is missing. */
  portion?: bigint
}

export class Guest {
  readonly exports: Exports
  granted = 0n
  asked = 0

  constructor(bytes: Uint8Array, imports: Record<string, Callable> = {}, grant: Grant = {}) {
    const refuel = (missing: bigint): bigint => {
      this.asked++
      const portion = missing + (grant.portion ?? 1_000_000n)
      const left = grant.most === undefined ? portion : grant.most - this.granted
      const given = portion < left ? portion : left
      this.granted += given
      return given
    }
    const module = new engine.Module(bytes)
    this.exports = new engine.Instance(module, {
      wasi_snapshot_preview1: imports,
      [NAMES.module]: { [NAMES.refuel]: refuel }
    }).exports
  }

  call(name: string, ...args: (number | bigint)[]): unknown {
    return (this.exports[name] as Callable)(...args)
  }

  get memory(): Uint8Array {
    return new Uint8Array((this.exports.memory as Memory).buffer)
  }

  /** Fuel used so far. */
  get used(): bigint {
    return this.granted - BigInt((this.exports[NAMES.fuel] as Global).value)
  }
}

export function metered(bytes: Uint8Array, maxPages = 64): Metered {
  return meter(bytes, { maxPages })
}

/** The metered module of these parts; with a memory unless they say otherwise. */
export function guestOf(parts: Parameters<typeof assemble>[0], grant: Grant = {}): Guest {
  return new Guest(metered(assemble({ memory: [0, 1], ...parts })).bytes, {}, grant)
}

/** The outcome of a call: its values as text, or the message of the trap. */
export function outcome(guest: Guest, name: string, ...args: (number | bigint)[]): string {
  try {
    return `gave ${shown(guest.call(name, ...args))}`
  } catch (error) {
    if (!(error instanceof engine.RuntimeError)) throw error
    return `trapped: ${error.message}`
  }
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.map(shown).join(', ')
  return Object.is(value, -0) ? '-0' : String(value)
}
