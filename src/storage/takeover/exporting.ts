import type { Countersign, ExportedLease, Lease, MirrorExport, MirrorJob } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { agreementId } from '../../../contracts/terms.js'
import type { OwnKeys } from '../../deal/deals.js'
import type { Debts } from '../../payment/debts.js'
import type { Ledger } from '../../payment/ledger.js'
import { isSettled } from '../../payment/ledger.js'
import { entryOf } from '../../payment/payment.js'
import type { Store } from '../../store/store.js'
import { leasesOf, mirrorsOf, nameOfMirror } from '../buyer/mirror-names.js'
import { MIRROR } from '../buyer/mirror-state.js'
import { isGivenUp, isOver, isUnpaid } from '../lease/lease-state.js'
import type { Leases } from '../lease/leases.js'
import { cameBy } from './chain.js'

export interface ExportSource {
  store: Store
  leases: Leases
  debts: Debts
  ledger: Ledger
  self: OwnKeys
  now: () => number
}

/** What another device of the owner needs to take a mirror over. The wallet stays here. Throws BAD_INPUT. */
export function exportOf(source: ExportSource, job: MirrorJob): MirrorExport {
  const { store, leases, self, now } = source
  if (job.state !== MIRROR.KEPT)
    throw new BushelError(
      'BAD_INPUT',
      `'${nameOfMirror(job)}' is not kept by all its providers yet; nothing was written`,
      'run the same mirror again first'
    )
  const kept = leasesOf(job, leases).filter(lease => hasBegun(source, lease))
  return {
    identity: self.identity,
    device: self.device.publicKey,
    at: now(),
    mirror: job,
    leases: kept.map(lease => exportedOf(source, lease)),
    takeovers: cameBy(store)
  }
}

/** Other mirrors of which a copy is at the same providers: those go over with it. */
export function neighboursOf(
  { store, leases }: Pick<ExportSource, 'store' | 'leases'>,
  job: MirrorJob
): string[] {
  const providersOf = (one: MirrorJob): string[] =>
    leasesOf(one, leases)
      .filter(lease => !isGivenUp(lease))
      .map(({ terms }) => terms.provider.device!.toString('hex'))
  const own = new Set(providersOf(job))
  return mirrorsOf(store, leases)
    .filter(one => one.store !== job.store && providersOf(one).some(device => own.has(device)))
    .map(nameOfMirror)
}

/** What was only agreed is left out: its provider holds it for minutes, and nothing was paid. */
function hasBegun({ ledger }: ExportSource, lease: Lease): boolean {
  if (isUnpaid(lease)) return false
  return !isOver(lease) || ledger.totals(agreementId(lease.terms)).paidMsat > 0n
}

function exportedOf({ leases, debts, ledger }: ExportSource, lease: Lease): ExportedLease {
  const id = agreementId(lease.terms)
  const lists: Countersign[] = []
  // The first one stands in the lease.
  let from = lease.countersign?.list.installments.length ?? 0
  for (let next = leases.strip('buyer', id, from); from > 0 && next; next = leases.strip('buyer', id, from)) {
    lists.push(next)
    from += next.list.installments.length
  }
  const refunds = ledger.payments(id, 'refund').filter(({ step }) => isSettled(step))
  return {
    lease,
    lists,
    payments: [...ledger.payments(id), ...refunds].map(payment => entryOf(payment, null)),
    debt: debts.get('creditor', id)?.debt ?? null,
    audit: isOver(lease) ? null : leases.auditOf(id)
  }
}
