import { formatKey } from '../../../contracts/keys/key.js'
import { nameOf } from '../../base/states.js'
import type { Store } from '../../store/store.js'
import type { Ledger } from '../../payment/ledger.js'
import { Leases, bytesOf, installmentsOf, idOf, paidUntil } from '../../storage/lease/leases.js'
import type { LeaseRole } from '../../storage/lease/leases.js'
import type { LeaseEntry } from './api.js'

/** All leases of a node, newest first, with the amount paid for each. */
export function leaseEntries(store: Store, ledger: Ledger): LeaseEntry[] {
  const leases = new Leases(store)
  const entries: (LeaseEntry & { created: number })[] = []
  for (const role of ['buyer', 'provider'] as const satisfies LeaseRole[]) {
    for (const { id, lease } of leases.list(role)) {
      const totals = ledger.totals(id)
      const peer = role === 'buyer' ? lease.terms.provider : lease.terms.buyer
      const begin = lease.start || lease.committed || lease.created
      entries.push({
        id: idOf(lease),
        role,
        device: formatKey(peer.device),
        identity: formatKey(peer.identity),
        bytes: bytesOf(lease),
        until: paidUntil(lease, ledger.contiguous(id)) || begin,
        ends: begin + installmentsOf(lease).at(-1)!.end,
        state: nameOf(lease.state),
        paidMsat: totals.paidMsat.toString(),
        earnedMsat: totals.receivedMsat.toString(),
        payments: totals.payments,
        ...(lease.link ? { link: lease.link } : {}),
        receipts: ledger
          .payments(id)
          .filter(payment => payment.preimage !== null)
          .map(payment => ({
            installment: payment.installment,
            msat: payment.msat.toString(),
            hash: payment.hash.toString('hex'),
            preimage: payment.preimage!.toString('hex')
          })),
        created: lease.created
      })
    }
  }
  return entries.sort((a, b) => b.created - a.created).map(({ created: _created, ...entry }) => entry)
}
