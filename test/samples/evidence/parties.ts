import type { JobTerms, Terms } from '#spec'
import { DAY } from '../../../contracts/money/quantity.js'
import { START_WITHIN } from '../../../contracts/terms.js'
import type { Person } from '../people.js'

const HEAD = {
  version: 1,
  nonce: Buffer.alloc(32, 1),
  market: Buffer.alloc(32, 2),
  ask: Buffer.alloc(32, 3),
  network: 'play-1'
}

type Parties = Pick<JobTerms, 'version' | 'nonce' | 'market' | 'ask' | 'network' | 'buyer' | 'provider'>

/** How the terms of a lease or a job between two people begin. */
export function partiesOf(buyer: Person, provider: Person): Parties {
  const party = ({ identity, device }: Person): JobTerms['buyer'] => ({
    identity,
    device: device.publicKey,
    lightning: Buffer.alloc(33, 2)
  })
  return {
    ...HEAD,
    buyer: party(buyer),
    provider: party(provider)
  }
}

/** Sensible terms of a lease for 30 days, with these changes. */
export function leaseTerms(
  given: Pick<Terms, 'buyer' | 'provider' | 'countersignBy'> & Partial<Terms>
): Terms {
  return {
    ...HEAD,
    cores: [{ key: Buffer.alloc(32, 4), length: 400, byteLength: 100_000_000 }],
    readKey: Buffer.alloc(32),
    price: 256_000_000n,
    time: 30 * DAY,
    firstInstallmentMsat: 500n,
    maxInstallmentMsat: 1_000n,
    minChargeMsat: 1_000n,
    startBy: given.countersignBy + START_WITHIN,
    grace: 7 * DAY,
    egressBytes: 3e9,
    ...given
  }
}
