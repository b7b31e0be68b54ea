import type { Lease, SignedCounter } from '#spec'
import { verify } from '../../../contracts/keys/signature.js'
import type { Disposer } from '../../base/scope.js'
import type { Counterparty } from '../../deal/channel.js'
import type { Deals } from '../../deal/deals.js'
import type { Ledger } from '../../payment/ledger.js'
import type { LeaseRole, Leases } from './leases.js'

/** An agreement for which the peer holds a later counter, signed by us, than our ledger shows. */
export interface Forgotten {
  role: LeaseRole
  /** An earlier device of the buyer has signed it, and not this node or the peer: no record of theirs is lost. */
  isEarlier: boolean
  agreement: Buffer
  counter: SignedCounter
  /** Null when this node does not know the agreement. */
  lease: Lease | null
  /** Paid (as buyer) or received (as provider) according to our ledger, msat. */
  knownMsat: bigint
}

export interface CounterOptions {
  deals: Deals
  leases: Leases
  ledger: Ledger
  /**
   * The peer has shown counters that we signed and do not know: this home was restored from an older copy. The connection
   * waits until this resolves.
   */
  onforgotten(peer: Counterparty, forgotten: Forgotten[]): Promise<void>
}

const ROLES: readonly LeaseRole[] = ['buyer', 'provider']

/**
 * Shows the last co-signed counter of each running lease at hello, and compares a peer's with ours: of two the higher
 * one wins. Both signatures must hold; with ours under it, a counter that says more than our ledger shows that the
 * ledger is older than the counter. Until the disposer is called.
 */
export function exchangeCounters({ deals, leases, ledger, onforgotten }: CounterOptions): Disposer {
  const show = (device: Buffer): SignedCounter[] =>
    [...leases.with(device)]
      .flatMap(({ lease }) => (lease.counter ? [lease.counter] : []))
      .sort((a, b) => b.counter.servedUntil - a.counter.servedUntil)

  const judge = async (peer: Counterparty, counters: SignedCounter[]): Promise<void> => {
    const own = deals.self.device.publicKey
    const forgotten: Forgotten[] = []
    for (const counter of counters) {
      const { agreement, n, paidMsat } = counter.counter
      const signed = ROLES.find(one => isSigned(counter, one, own, peer.device))
      const role = signed ?? ROLES.find(one => isOfEarlier(counter, leases.get(one, agreement)))
      if (!role) continue
      const lease = leases.get(role, agreement)
      if (lease && !otherOf(lease).equals(peer.device)) continue
      // Of a provider it is its own word: one that does not know it is an older copy.
      const isEarlier = role === 'buyer' && !signed
      const totals = ledger.totals(agreement)
      const knownMsat = role === 'buyer' ? totals.paidMsat : totals.receivedMsat
      if (paidMsat > knownMsat) forgotten.push({ role, isEarlier, agreement, counter, lease, knownMsat })
      else if (lease && n > (lease.counter?.counter.n ?? 0)) await leases.save({ ...lease, counter })
    }
    if (forgotten.length > 0) await onforgotten(peer, forgotten)
  }

  const otherOf = ({ role, terms }: Lease): Buffer =>
    (role === 'buyer' ? terms.provider : leases.buyerOf(terms)).device!

  /** Whether a device that was the buyer before has signed the counter, and the provider. */
  const isOfEarlier = (counter: SignedCounter, lease: Lease | null): boolean => {
    if (!lease) return false
    const provider = lease.terms.provider.device!
    return leases.buyersOf(lease).some(device => isSigned(counter, 'buyer', device, provider))
  }

  return deals.exchange({ show, judge })
}

/** Whether both sides have signed the counter, we in this role. */
function isSigned(
  { counter, buyer, provider }: SignedCounter,
  role: LeaseRole,
  own: Buffer,
  other: Buffer
): boolean {
  if (!buyer || !provider) return false
  const [buyerKey, providerKey] = role === 'buyer' ? [own, other] : [other, own]
  return verify('counter', counter, buyer, buyerKey) && verify('counter', counter, provider, providerKey)
}
