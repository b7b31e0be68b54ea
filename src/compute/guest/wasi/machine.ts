import type { FuelAccount } from '../account.js'
import type { SeededRandom, VirtualClock } from './clock.js'
import type { Descriptors } from '../volume/descriptors.js'
import type { GuestMemory } from './memory.js'

/** The state that WASI calls of one run can read and change. */
export interface Machine {
  args: readonly Buffer[]
  memory: GuestMemory
  account: FuelAccount
  clock: VirtualClock
  random: SeededRandom
  descriptors: Descriptors
}
