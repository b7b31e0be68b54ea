import { BushelError } from '../../../contracts/errors/error.js'
import { shortKey } from '../../../contracts/keys/key.js'
import { formatAmount } from '../../../contracts/money/money.js'
import type { Counterparty } from '../../deal/channel.js'
import type { Payments } from '../../payment/payments.js'
import type { Forgotten } from '../lease/counters.js'
import type { Leases } from '../lease/leases.js'

export interface RestoredHomeOptions {
  payments: Payments
  leases: Leases
  /** Gives up the channels with a Lightning node; null for a wallet whose channels are not ours to give up. */
  abandon: ((nodeId: Buffer, options: { id: string; deltaMsat: bigint }) => Promise<void>) | null
  onalarm(alarm: string): void
}

/**
 * What a home does that was restored from an older copy, before its Lightning node meets the peer that noticed: on play
 * the channel is given up and what both signed is taken over; with real sats only the alarm is raised.
 */
export async function takeOver(
  { payments, leases, abandon, onalarm }: RestoredHomeOptions,
  peer: Counterparty,
  forgotten: readonly Forgotten[]
): Promise<void> {
  const name = shortKey(peer.device)
  if (!abandon) {
    onalarm(
      `THIS HOME IS AN OLDER COPY: ${name} shows payments that both signed and this ledger does not know; ` +
        'nothing was changed. Stop this node, and look for the newer copy of the home and of lightningd'
    )
    throw new BushelError('OLD_HOME', `this home is an older copy of itself, as ${name} shows`)
  }
  for (const { role, agreement, counter, lease, knownMsat } of forgotten) {
    const { n, paidMsat } = counter.counter
    const sinceMsat = paidMsat - knownMsat
    const deltaMsat = role === 'buyer' ? -sinceMsat : sinceMsat
    await abandon(peer.lightning, { id: `${agreement.toString('hex')}/${n}`, deltaMsat })
    if (lease) {
      const lists = leases.lists(role, agreement)
      const side = role === 'buyer' ? 'payer' : 'payee'
      await payments.takeOver(agreement, paidMsat, lists, side, peer.identity)
      // Whatever became of it meanwhile stays.
      const current = leases.get(role, agreement)!
      if (n > (current.counter?.counter.n ?? 0)) await leases.save({ ...current, counter })
    }
    onalarm(
      `this home is an older copy of itself: by what both signed with ${name}, ${formatAmount(sinceMsat)} more had been ` +
        `${role === 'buyer' ? 'paid' : 'received'} for lease ${shortKey(agreement)}; ` +
        'its channel was given up, and that was taken over'
    )
  }
}
