import type { FuelAccount } from '../account.js'
import type { SeededRandom, VirtualClock } from './clock.js'
import type { Descriptors } from '../volume/descriptors.js'
import type { GuestMemory } from './memory.js'

/** All that a run can see and change. */
export interface Machine {
  args: readonly Buffer[]
  memory: GuestMemory
  account: FuelAccount
  clock: VirtualClock
  random: SeededRandom
  descriptors: Descriptors
}
