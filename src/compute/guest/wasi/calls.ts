import type { FuelAccount } from '../account.js'
import { Refusal, Trap } from '../stops.js'

/** The arguments of a call: `i` is an unsigned i32, `I` an unsigned i64, `S` a signed i64. */
type Arguments<Takes extends string> = Takes extends `${infer First}${infer Rest}`
  ? [First extends 'i' ? number : bigint, ...Arguments<Rest>]
  : []

/** One WASI function. It returns on success, or throws a `Refusal` with the error number. */
export interface WasiCall {
  takes: string
  run: (...args: (number | bigint)[]) => void
}

export function call<Takes extends string>(takes: Takes, run: (...args: Arguments<Takes>) => void): WasiCall {
  return { takes, run: run as unknown as WasiCall['run'] }
}

/**
 * The import for a call: charges fuel, checks the argument types (a module may declare any signature), and returns the
 * error number of a refusal.
 */
export function importable(
  name: string,
  { takes, run }: WasiCall,
  account: FuelAccount
): (...args: unknown[]) => number {
  return (...given) => {
    account.call()
    if (given.length !== takes.length) throw new Trap(`it calls ${name} with another signature`)
    const args = given.map((value, i) => {
      if (takes[i] === 'i' && typeof value === 'number') return value >>> 0
      if (takes[i] === 'I' && typeof value === 'bigint') return BigInt.asUintN(64, value)
      if (takes[i] === 'S' && typeof value === 'bigint') return value
      throw new Trap(`it calls ${name} with another signature`)
    })
    try {
      run(...args)
      return 0
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      account.refusal()
      return error.errno
    }
  }
}
