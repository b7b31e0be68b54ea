import type { Lease, SignedCounter } from '#spec'
import { verify } from '../../contracts/signature.js'
import type { Counterparty } from '../deal/channel.js'
import type { Deals } from '../deal/deals.js'
import type { LeaseRole, Leases } from './leases.js'

const ROLES: readonly LeaseRole[] = ['buyer', 'provider']
const OVER = new Set(['ENDED', 'VOID'])

/**
 * Shows the last co-signed counter of each running lease at hello, and takes over a peer's that is ahead of ours: both
 * signatures must hold, so that a restored old copy of a home is brought up to what its owner had signed.
 */
export function exchangeCounters(deals: Deals, leases: Leases): void {
  deals.counters = device =>
    ROLES.flatMap(role => [...leases.list(role)])
      .filter(({ lease }) => otherOf(lease).equals(device) && !OVER.has(lease.state))
      .flatMap(({ lease }) => (lease.counter ? [lease.counter] : []))
      .sort((a, b) => b.counter.servedUntil - a.counter.servedUntil)

  deals.oncounters = async (peer, counters) => {
    for (const counter of counters) {
      const lease = ROLES.map(role => leases.get(role, counter.counter.agreement)).find(
        found => found !== null
      )
      if (lease && isAhead(counter, lease, peer)) await leases.save({ ...lease, counter })
    }
  }
}

function otherOf(lease: Lease): Buffer {
  return (lease.role === 'buyer' ? lease.terms.provider : lease.terms.buyer).device
}

function isAhead({ counter, buyer, provider }: SignedCounter, lease: Lease, peer: Counterparty): boolean {
  if (!otherOf(lease).equals(peer.device) || !buyer || !provider) return false
  if (counter.n <= (lease.counter?.counter.n ?? 0)) return false
  return (
    verify('counter', counter, buyer, lease.terms.buyer.device) &&
    verify('counter', counter, provider, lease.terms.provider.device)
  )
}
