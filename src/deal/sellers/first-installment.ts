import { SAT } from '../../../contracts/money/money.js'
import type { Msat } from '../../../contracts/money/money.js'
import type { Experiences } from './experience.js'

/** From a provider that is new to this buyer, msat. */
export const INSTALLMENT_START = 5n * SAT
const MAX_START_DOUBLINGS = 3

/** First installment that this buyer wishes, msat: more from a provider with which it has had good experiences. */
export function firstInstallmentFor(experiences: Pick<Experiences, 'of'>, identity: Buffer): Msat {
  const good = experiences.of(identity)?.good ?? 0
  return INSTALLMENT_START * 2n ** BigInt(Math.min(Math.floor(good / 10), MAX_START_DOUBLINGS))
}
