import type IdentityKey from 'keet-identity-key'
import type { ExportedLease, Lease, LedgerEntry, MirrorExport, MirrorJob, SignedTakeover } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { sign, verify } from '../../../contracts/keys/signature.js'
import { agreementId } from '../../../contracts/terms.js'
import type { OwnKeys } from '../../deal/deals.js'
import type { Debts } from '../../payment/debts.js'
import type { Ledger, PaymentDraft } from '../../payment/ledger.js'
import { isSettled } from '../../payment/ledger.js'
import { NOT_BY_WALLET, stepOf } from '../../payment/payment.js'
import { STEP } from '../../payment/payment-state.js'
import { change } from '../../store/change.js'
import type { Change } from '../../store/change.js'
import { nameOfMirror } from '../buyer/mirror-names.js'
import { MIRROR } from '../buyer/mirror-state.js'
import type { Mirrors } from '../buyer/mirrors.js'
import { LEASE, isOver } from '../lease/lease-state.js'
import type { Leases } from '../lease/leases.js'
import { auditTable, takingTable } from '../tables.js'
import { isSignedByBoth } from './further-lease.js'
import { cameChanges, chainOf, takeoversFrom } from './chain.js'

/** As mirrors are named on disk. */
const FOLDER = /^[0-9a-f]{32}$/
const EXPORT_AGAIN = 'export it again on the device that has it'

export interface ImportTarget {
  leases: Leases
  debts: Debts
  ledger: Ledger
  mirrors: Mirrors
  self: OwnKeys
  now: () => number
}

export interface Imported {
  job: MirrorJob
  /** The providers that are to be shown the takeover. */
  providers: Buffer[]
  /** Puts all of it on disk, or nothing. */
  save(): Promise<void>
}

/**
 * Prepares the import of another device's mirror: its records, and the takeover by the words, which each provider is shown
 * later. Nothing is changed before `save`. Throws BAD_INPUT, WRONG_NETWORK.
 */
export function importOf(target: ImportTarget, exported: MirrorExport, key: IdentityKey): Imported {
  const { leases, debts, ledger } = target
  demandImportable(target, exported)
  const { job, change: mirrored } = target.mirrors.importChange(exported.mirror!)
  const all = new Map(exported.leases.map(one => [agreementId(one!.lease!.terms).toString('hex'), one!]))
  const changes: Change[] = [mirrored]
  const drafts: PaymentDraft[] = []
  for (const [id, one] of all) {
    const agreement = Buffer.from(id, 'hex')
    const { terms } = one.lease!
    const followed = terms.follows ? (all.get(terms.follows.toString('hex'))?.lease ?? null) : null
    changes.push(leases.change(one.lease!, followed), ...listChanges(leases, agreement, one))
    if (one.audit && !isOver(one.lease!)) changes.push(change(auditTable, agreement, one.audit))
    if (one.debt) changes.push(debts.change('creditor', terms.provider.identity!, one.debt))
    drafts.push(...one.payments.flatMap(entry => draftsOf(entry!)))
  }
  const signed = takeoverOf(target, exported, key)
  const chain = chainOf([...exported.takeovers.map(takeover => takeover!), signed], target.self.identity)
  changes.push(...cameChanges(chain))
  const asked = [...all.values()].filter(one => !isOver(one.lease!) || one.debt)
  const providers = distinct(asked.map(({ lease }) => lease!.terms.provider.device!))
  for (const { lease } of asked) {
    const { buyer, provider } = lease!.terms
    // An earlier takeover that this provider has not seen comes first.
    for (const one of [...takeoversFrom(chain, buyer.device!), signed])
      changes.push(change(takingTable, [provider.device!, one.takeover.from], one))
  }
  return { job, providers, save: () => ledger.recordWith(changes, drafts) }
}

function demandImportable({ leases, mirrors, self }: ImportTarget, exported: MirrorExport): void {
  const name = nameOfMirror(exported.mirror!)
  const refused = (why: string, todo: string): BushelError =>
    new BushelError('BAD_INPUT', `${why}; nothing was changed`, todo)
  if (exported.device.equals(self.device.publicKey))
    throw refused(
      `'${name}' was exported by this device, which has it`,
      'import the file on another device of yours'
    )
  if (mirrors.get(exported.mirror!.store))
    throw refused(`'${name}' is on this device already`, 'see: bushel mirrors')
  if (exported.mirror!.state !== MIRROR.KEPT) throw refused(`'${name}' is not kept yet`, 'mirror it first')
  if (!FOLDER.test(exported.mirror!.store))
    throw refused('the file names a mirror as none is named', EXPORT_AGAIN)
  for (const { lease } of exported.leases.map(one => one!)) {
    const { network, provider, buyer } = lease!.terms
    if (lease!.role !== 'buyer' || !buyer.identity!.equals(self.identity) || !isAgreed(lease!))
      throw refused(`a lease of '${name}' is not one that a device of yours has agreed to`, EXPORT_AGAIN)
    if (leases.get('buyer', agreementId(lease!.terms)))
      throw refused(`a lease of '${name}' is on this device already`, 'see: bushel leases')
    if (provider.device!.equals(self.device.publicKey))
      throw refused(`this device itself keeps a copy of '${name}'`, 'import it on another device')
    if (network !== self.network && !isOver(lease!))
      throw new BushelError(
        'WRONG_NETWORK',
        `'${name}' is paid on ${network}, and this device pays on ${self.network}; nothing was changed`,
        'connect a wallet of that network first: bushel wallet connect'
      )
  }
}

function listChanges(leases: Leases, agreement: Buffer, { lists }: ExportedLease): Change[] {
  return lists.map(list =>
    leases.listChange('buyer', agreement, list!.list!.installments[0]!.installment, list!)
  )
}

function takeoverOf(
  { self, now }: ImportTarget,
  { device, takeovers }: MirrorExport,
  { identityKeyPair }: IdentityKey
): SignedTakeover {
  // Later than whatever was signed before, also by a clock that was ahead.
  const n = Math.max(now(), ...takeovers.map(one => one!.takeover!.n + 1))
  const takeover = {
    identity: self.identity,
    from: device,
    to: self.device.publicKey,
    lightning: self.lightning,
    n
  }
  return { takeover, signature: sign('takeover', takeover, identityKeyPair) }
}

/**
 * The steps of a payment of the device before. Our wallet has made none of them; what was not settled is bound to a hash that the
 * other device knows too, and is given a new one before it is paid.
 */
function draftsOf(entry: LedgerEntry): PaymentDraft[] {
  const { at: _at, ...payment } = stepOf(entry)
  const base = { ...payment, feeMsat: 0n }
  if (payment.kind === 'refund')
    return isSettled(payment.step) ? [{ ...base, step: STEP.received, text: NOT_BY_WALLET.takenOver }] : []
  if (payment.step === STEP.credited) return [{ ...base, step: STEP.intent, text: '' }, base]
  if (isSettled(payment.step)) {
    const paid = { ...base, step: STEP.paid, text: NOT_BY_WALLET.takenOver }
    return payment.step === STEP.receipt ? [paid, { ...paid, step: STEP.receipt }] : [paid]
  }
  if (payment.step === STEP.void) return []
  return [{ ...base, step: payment.text ? STEP.bound : STEP.intent }]
}

function distinct(devices: readonly Buffer[]): Buffer[] {
  return [...new Map(devices.map(device => [device.toString('hex'), device])).values()]
}

/** Whether a device has agreed to a lease: the provider too, unless it was only begun or given up. */
function isAgreed({ terms, signature, countersign, state }: Lease): boolean {
  if (countersign) return isSignedByBoth({ terms, signature, countersign })
  return (
    verify('terms', terms, signature, terms.buyer.device) &&
    (isOver({ state } as Lease) || state === LEASE.AGREED)
  )
}
