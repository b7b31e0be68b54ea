import { inLab } from '../stage.js'
import type { Settings } from '../figure.js'
import { BarePair } from './bare-pair.js'
import { BUYER, SELLER, linkOf, megabytesOf } from './homes.js'

/** The rate that is wanted, Mbit/s. */
export const FULL_MBIT = 100
/** Rates to try: the first one that this machine can carry is measured. */
const RATES = [FULL_MBIT, 50, 25, 10]
/** Of the rate, TCP and a stream reach at least this much where the machine carries it; headers take the rest. */
const CARRIED = 0.85
const NEAR_MS = 2
const SECONDS = 5

/** A rate of links that this machine carries beside the processes at their ends. */
export interface Carried {
  mbit: number
  /** What was carried next to without delay, MB/s. */
  tcp: number
  stream: number
}

/** Finds the highest of the rates that the link and two processes carry on this machine. */
export async function whatIsCarried({ quick, say }: Settings): Promise<Carried> {
  return inLab(async lab => {
    await lab.home(BUYER, { shape: linkOf(FULL_MBIT, NEAR_MS) })
    await lab.home(SELLER)
    const bare = await BarePair.open(lab)
    let carried: Carried = { mbit: 0, tcp: 0, stream: 0 }
    for (const mbit of RATES) {
      await lab.shape(BUYER, linkOf(mbit, NEAR_MS))
      const bytes = Math.round(megabytesOf(mbit) * 1e6 * (quick ? 0.5 : SECONDS))
      carried = { mbit, tcp: await bare.tcp(bytes), stream: await bare.stream(bytes) }
      say(foundOf(carried))
      if (Math.min(carried.tcp, carried.stream) >= CARRIED * megabytesOf(mbit)) break
    }
    return carried
  })
}

export function foundOf({ mbit, tcp, stream }: Carried): string {
  const [overTcp, overStream] = [tcp, stream].map(rate => (rate * 8).toFixed(0))
  return `at ${NEAR_MS} ms a link of ${mbit} Mbit/s carried TCP at ${overTcp} and a stream of hyperdht at ${overStream} Mbit/s`
}
