import { BushelError } from '../../../contracts/errors/error.js'
import { shortKey } from '../../../contracts/keys/key.js'
import { formatAmount } from '../../../contracts/money/money.js'
import type { Counterparty } from '../../deal/channel.js'
import type { Payments } from '../../payment/payments.js'
import type { Forgotten } from '../lease/counters.js'
import type { Leases } from '../lease/leases.js'
import type { Tokens } from './upkeep/tokens.js'

export interface RestoredHomeOptions {
  payments: Payments
  leases: Leases
  tokens?: Tokens
  /** Gives up the channels with a Lightning node; null for a wallet whose channels this node does not control. */
  abandon: ((nodeId: Buffer, options: { id: string; deltaMsat: bigint }) => Promise<void>) | null
  onalarm(alarm: string): void
}

/**
 * Handles a home that was restored from an older copy, before its Lightning node meets the peer that noticed: with play
 * money the channel is given up and the co-signed payments are added to the ledger; with real sats only the alarm is raised.
 */
export async function takeOver(
  { payments, leases, tokens, abandon, onalarm }: RestoredHomeOptions,
  peer: Counterparty,
  forgotten: readonly Forgotten[]
): Promise<void> {
  const name = shortKey(peer.device)
  const lost = forgotten.filter(({ isEarlier }) => !isEarlier)
  for (const one of forgotten) if (one.isEarlier) await takeIn({ payments, leases }, peer, one)
  if (lost.length === 0) return
  if (!abandon) {
    onalarm(
      `THIS HOME IS AN OLDER COPY: ${name} shows payments that both nodes signed and that are missing from this ledger; ` +
        'nothing was changed. Stop this node and look for the newer copy of the home and of its Lightning node'
    )
    throw new BushelError(
      'OLD_HOME',
      `this home is an older copy: ${name} shows payments that are missing from it`
    )
  }
  await tokens?.burn()
  for (const one of lost) {
    const { role, agreement, counter, knownMsat } = one
    const { n, paidMsat } = counter.counter
    const sinceMsat = paidMsat - knownMsat
    const deltaMsat = role === 'buyer' ? -sinceMsat : sinceMsat
    await abandon(peer.lightning, { id: `${agreement.toString('hex')}/${n}`, deltaMsat })
    await takeIn({ payments, leases }, peer, one)
    onalarm(
      `this home is an older copy: by the counter that both nodes signed, ${formatAmount(sinceMsat)} more had been ` +
        `${role === 'buyer' ? 'paid' : 'received'} for lease ${shortKey(agreement)}; ` +
        `the channel with ${name} was given up, and the payments were added to the ledger`
    )
  }
}

/** Adds the payments that a counter shows to the ledger, and keeps the counter. */
async function takeIn(
  { payments, leases }: Pick<RestoredHomeOptions, 'payments' | 'leases'>,
  peer: Counterparty,
  { role, agreement, counter, lease }: Forgotten
): Promise<void> {
  if (!lease) return
  const { n, paidMsat } = counter.counter
  const lists = leases.lists(role, agreement)
  await payments.takeOver(agreement, paidMsat, lists, role === 'buyer' ? 'payer' : 'payee', peer.identity)
  // The lease may have changed meanwhile.
  const current = leases.get(role, agreement)!
  if (n > (current.counter?.counter.n ?? 0)) await leases.save({ ...current, counter })
}
