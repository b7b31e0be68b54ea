import { isBlamed } from '../../../../contracts/errors/error.js'
import type { BushelError } from '../../../../contracts/errors/error.js'
import { isDeclined } from '../../../deal/decline.js'
import type { Experiences } from '../../../deal/sellers/experience.js'
import type { BuyerLease } from '../buyer-lease.js'

/** After an audit or a payment of a copy has failed: its provider is remembered for it, and a lease that is over is given up. */
export async function afterFailure(
  experiences: Experiences,
  copy: BuyerLease,
  error: unknown
): Promise<void> {
  const { identity, device } = copy.lease.terms.provider
  await experiences.failed({ identity: identity!, device: device! }, error)
  if (endsLease(error)) await copy.giveUp(error.message)
}

/** True for errors that end a lease: the provider has ended it, or must not be paid any more. */
function endsLease(error: unknown): error is BushelError {
  return isBlamed(error) || isDeclined(error, 'ENDED', 'NO_AGREEMENT')
}
