import type { JobTerms } from '#spec'
import type { Person } from '../people.js'

type Parties = Pick<JobTerms, 'version' | 'nonce' | 'market' | 'ask' | 'network' | 'buyer' | 'provider'>

/** How the terms of a lease or a job between two people begin. */
export function partiesOf(buyer: Person, provider: Person): Parties {
  const party = ({ identity, device }: Person): JobTerms['buyer'] => ({
    identity,
    device: device.publicKey,
    lightning: Buffer.alloc(33, 2)
  })
  return {
    version: 1,
    nonce: Buffer.alloc(32, 1),
    market: Buffer.alloc(32, 2),
    ask: Buffer.alloc(32, 3),
    network: 'play-1',
    buyer: party(buyer),
    provider: party(provider)
  }
}
