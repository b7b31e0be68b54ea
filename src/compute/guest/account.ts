import { HOST_COST } from '../fuel/meter.js'
import { Stop } from './stops.js'

/** Asks the host for more fuel; returns the grant, or null. */
export type Ask = (used: bigint, missing: bigint) => bigint | null

/** The fuel of one run. A global of the metered module holds the rest; below zero, more is needed. */
export class FuelAccount {
  #granted: bigint
  #left: WebAssembly.Global<bigint> | null = null
  readonly #ask: Ask

  constructor(first: bigint, ask: Ask) {
    this.#granted = first
    this.#ask = ask
  }

  /** Takes over the global of an instance, and charges for its beginning. */
  open(left: WebAssembly.Global<bigint>, beginning: bigint): void {
    left.value = this.#granted
    this.#left = left
    this.#take(beginning)
  }

  /** Fuel used so far. */
  get used(): bigint {
    if (!this.#left) return 0n
    const left = this.#left.value
    return left < 0n ? this.#granted : this.#granted - left
  }

  /** The module's request: returns at least `missing`, which the module adds to its fuel, or throws `Stop`. */
  refuel(missing: bigint): bigint {
    let got = 0n
    while (got < missing) {
      const grant = this.#ask(this.#granted, missing - got)
      if (grant === null) throw new Stop('fuel', `out of fuel: ${this.#granted} used`)
      this.#granted += grant
      got += grant
    }
    return got
  }

  /** Requests the fuel that is missing at the end: a run may end below zero, because a module does not ask at each step. */
  settle(): void {
    this.#take(0n)
  }

  /** Charges one call of a host function. */
  call(): void {
    this.#take(HOST_COST.call)
  }

  /** Charges one call that was refused, after `call`. */
  refusal(): void {
    this.#take(HOST_COST.refusal)
  }

  /** Charges the bytes that a call moves; call it before moving them. */
  bytes(count: number): void {
    this.#take(BigInt(count) * HOST_COST.byte)
  }

  /** Charges the items that a call looks at; call it before looking. */
  items(count: number): void {
    this.#take(BigInt(count) * HOST_COST.item)
  }

  #take(cost: bigint): void {
    const left = this.#left
    if (!left) return
    left.value -= cost
    if (left.value < 0n) left.value += this.refuel(-left.value)
  }
}
