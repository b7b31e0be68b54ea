import { HOST_COST } from '../fuel/meter.js'
import { Stop } from './stops.js'

/** Asks for fuel when what was granted is used up: the grant, or null. */
export type Ask = (used: bigint, missing: bigint) => bigint | null

/** The fuel of one run. What is left stands in a global of the metered module, below zero when more is needed. */
export class FuelAccount {
  #granted: bigint
  #left: WebAssembly.Global<bigint> | null = null
  readonly #ask: Ask

  constructor(first: bigint, ask: Ask) {
    this.#granted = first
    this.#ask = ask
  }

  open(left: WebAssembly.Global<bigint>): void {
    left.value = this.#granted
    this.#left = left
  }

  /** What was used, of what was granted. */
  get used(): bigint {
    if (!this.#left) return 0n
    const left = this.#left.value
    return left < 0n ? this.#granted : this.#granted - left
  }

  /** The module's own request: gets at least `missing`, or stops the run. The module adds it to what is left. */
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

  /** A run may end a little below zero, since a module does not ask at each step: what is missing is still asked for. */
  settle(): void {
    this.#take(0n)
  }

  /** Charges a call of the host. */
  call(): void {
    this.#take(HOST_COST.call)
  }

  /** Charges bytes that a call is about to move. */
  bytes(count: number): void {
    this.#take(BigInt(count) * HOST_COST.perByte)
  }

  #take(cost: bigint): void {
    const left = this.#left
    if (!left) return
    left.value -= cost
    if (left.value < 0n) left.value += this.refuel(-left.value)
  }
}
