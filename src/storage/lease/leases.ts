import type { AuditRecord, Countersign, Lease, Party, Reissue, InstallmentList, Terms } from '#spec'
import { formatKey } from '../../../contracts/keys/key.js'
import { planInstallments } from '../../../contracts/money/installments.js'
import type { Installment } from '../../../contracts/money/installments.js'
import { STRIP_LENGTH } from '../../../contracts/schema/counts.js'
import { agreementId } from '../../../contracts/terms.js'
import { change } from '../../store/change.js'
import type { Change } from '../../store/change.js'
import type { Store } from '../../store/store.js'
import type { Entry } from '../../store/table.js'
import { nullLogger } from '../../base/logger.js'
import type { Logger } from '../../base/logger.js'
import { KeyedMutex } from '../../base/mutex.js'
import { nameOf } from '../../base/states.js'
import { UNTROUBLED, healthOf } from './challenge.js'
import type { Health } from './challenge.js'
import { UNREAD } from './egress.js'
import type { EgressAccounts } from './egress.js'
import { logLease } from './lease-log.js'
import { ownBuyersOf } from '../takeover/chain.js'
import { Takeovers } from '../takeover/takeovers.js'
import {
  auditTable,
  egressTable,
  leaseDueTable,
  leaseTable,
  listTable,
  reissueTable,
  servedTable
} from '../tables.js'
import { recordedWith, sumsOf, sumsUnder } from './lease-sums.js'
import { LEASE, isGivenUp, isOver, isUnpaid, leaseStates } from './lease-state.js'
import type { LeaseState } from './lease-state.js'

export { isOver } from './lease-state.js'
export type { LeaseState } from './lease-state.js'

export type LeaseRole = 'buyer' | 'provider'

export interface LeaseRow {
  id: Buffer
  lease: Lease
}

/** The leases of this node in both roles, with their states. */
export class Leases {
  readonly #store: Store
  readonly #mutex = new KeyedMutex()
  readonly #log: Logger
  /** Those that this node has accepted as a provider. */
  readonly takeovers: Takeovers

  /** `log` hears of every new state once it is on disk. */
  constructor(store: Store, log: Logger = nullLogger) {
    this.#store = store
    this.#log = log
    this.takeovers = new Takeovers(store)
  }

  /** The buyer of a lease as it is now: of a provided one it may be another device than its terms name. */
  buyerOf(terms: Pick<Terms, 'buyer'>): Party {
    return this.takeovers.buyerOf(terms)
  }

  /** The devices that were the buyer of a lease one after the other, by what the words have signed. */
  buyersOf({ role, terms }: Lease): Buffer[] {
    return role === 'buyer' ? ownBuyersOf(this.#store, terms) : this.takeovers.buyersOf(terms)
  }

  get(role: LeaseRole, id: Buffer): Lease | null {
    return this.#store.table(leaseTable).get([role, id])
  }

  /**
   * Runs work on one lease after the other, for work that reads the lease's state, awaits, and then changes it: each
   * finds the state that the one before it left.
   */
  inTurn<T>(role: LeaseRole, id: Buffer, work: () => Promise<T>): Promise<T> {
    return this.#mutex.run(role + id.toString('hex'), work)
  }

  /** Every lease of a role, also those that are over. Their number grows with the history of the home. */
  *list(role: LeaseRole): Iterable<LeaseRow> {
    yield* rowsOf(this.#store.table(leaseTable).list({ under: [role] }))
  }

  /** The leases of a role that are not over. */
  *open(role: LeaseRole): Iterable<LeaseRow> {
    yield* rowsOf(this.#store.table(leaseTable).by('open', { under: role }))
  }

  /** The leases of a role in a state that is not the end. */
  *at(role: LeaseRole, state: LeaseState): Iterable<LeaseRow> {
    yield* rowsOf(this.#store.table(leaseTable).by('state', { under: [role, nameOf(state)] }))
  }

  /**
   * The leases of a role that may have something to be done at `now`. `dueAt` says from when on a lease has, by what is known
   * now; it never becomes earlier without a change of the lease. A lease is read again when it is reached.
   */
  async *due(role: LeaseRole, now: number, dueAt: (lease: Lease) => number): AsyncGenerator<LeaseRow> {
    const later: Change[] = []
    const due: Buffer[] = []
    const hints = this.#store.table(leaseDueTable).by('at', { gte: [role], lte: [role, now] })
    for (const { key } of hints) {
      const lease = this.#store.table(leaseTable).get(key)
      // A time that follows from a rate has a fraction, which the index has not.
      const at = lease && Math.floor(Math.min(dueAt(lease), Number.MAX_SAFE_INTEGER))
      if (at === null || at <= now) due.push(key[1])
      else later.push(change(leaseDueTable, key, at))
    }
    // In the turn in which the leases were read, so that no later change of a lease is superseded.
    if (later.length > 0) await this.#store.set(...later)
    for (const id of due) {
      const lease = this.get(role, id)
      if (lease) yield { id, lease }
    }
  }

  /** The leases with this device in both roles that are not over. */
  *with(device: Buffer): Iterable<LeaseRow> {
    for (const named of this.takeovers.behind(device))
      for (const { key, value } of this.#store.table(leaseTable).by('device', { under: named })) {
        const isWith = value.role === 'buyer' ? named.equals(device) : this.#isBuyer(value, device)
        if (isWith) yield { id: key[1], lease: value }
      }
  }

  /** Whether something was paid for a lease that is provided to this device, or this node buys from it. */
  dealings(device: Buffer): 'pays' | 'has paid' | null {
    for (const { lease } of this.with(device)) if (lease.role === 'buyer' || !isUnpaid(lease)) return 'pays'
    for (const named of this.takeovers.behind(device))
      for (const { value } of this.#store.table(leaseTable).by('customer', { under: named, limit: 1 }))
        if (named.equals(device) || this.#isBuyer(value, device)) return 'has paid'
    return null
  }

  #isBuyer({ terms }: Lease, device: Buffer): boolean {
    return this.buyerOf(terms).device!.equals(device)
  }

  /** Whether something was paid for a provided lease whose terms name this device of the identity. */
  hasPaid(identity: Buffer, device: Buffer): boolean {
    const isIts = ({ role, committed, terms }: Lease): boolean =>
      role === 'provider' && committed > 0 && terms.buyer.identity!.equals(identity)
    for (const index of ['device', 'customer'] as const)
      for (const { value } of this.#store.table(leaseTable).by(index, { under: device }))
        if (isIts(value)) return true
    return false
  }

  /**
   * For how long a provider has served a copy of ours whose audits held, ms: the longest of the leases that run, with those that
   * they follow.
   */
  servedBy(device: Buffer): number {
    let longest = 0
    for (const { lease } of this.with(device)) longest = Math.max(longest, this.servedUnder(lease))
    return longest
  }

  /** For how long a copy of ours was served under audits that held, with the leases that it follows, ms. */
  servedUnder(lease: Lease): number {
    if (lease.role !== 'buyer' || !lease.audited || this.health(lease) !== 'healthy') return 0
    return Math.max(0, lease.audited - this.#firstStart(lease))
  }

  #firstStart({ start, terms }: Lease): number {
    const before = terms.follows ? this.get('buyer', terms.follows) : null
    return before?.start ? Math.min(start, this.#firstStart(before)) : start
  }

  /** The lease that is provided for this seal. */
  sealed(seal: Buffer): Lease | null {
    return this.#store.table(leaseTable).first('seal', { under: seal })?.value ?? null
  }

  /** The lease that follows this one and is not over. */
  successorOf(role: LeaseRole, id: Buffer): Lease | null {
    return this.#store.table(leaseTable).first('follows', { under: [role, id] })?.value ?? null
  }

  /** The leases that we provide under one of our asks. */
  sumsUnder(ask: Buffer): { live: number; bytes: number } {
    return sumsUnder(this.#store, ask)
  }

  /** What readers were sent of leases that are over, bytes. */
  get servedBytes(): number {
    return this.#store.table(servedTable).get('provider') ?? 0
  }

  /** Counts what readers were sent of a lease that ends with the same write. */
  servedChange(bytes: number): Change {
    return { apply: transaction => transaction.update(servedTable, 'provider', sum => (sum ?? 0) + bytes) }
  }

  /** How many leases of a role are live, and the bytes that they reserve. */
  sums(role: LeaseRole): { live: number; bytes: number } {
    return sumsOf(this.#store, role)
  }

  /** Every lease is written by this change, so that none skips the table of its states; `followed`: the lease that it follows. */
  change(lease: Lease, followed = this.#followedBy(lease)): Change {
    const role = lease.role as LeaseRole
    const key = agreementId(lease.terms)
    const before = this.get(role, key)?.state ?? null
    leaseStates.transition(role, before, lease.state, this.#log)
    return {
      apply: transaction => recordedWith(transaction, [role, key], lease, followed),
      ondisk: () => {
        if (lease.state !== before) logLease(this.#log, lease, before)
      }
    }
  }

  #followedBy({ role, terms }: Lease): Lease | null {
    return terms.follows ? this.get(role as LeaseRole, terms.follows) : null
  }

  /** What is known of the audits of a copy that this node bought. */
  auditOf(id: Buffer): AuditRecord {
    return this.#store.table(auditTable).get(id) ?? UNTROUBLED
  }

  /** What was fetched of a copy that this node bought, by the last word of its provider. */
  egressOf(id: Buffer): EgressAccounts {
    return this.#store.table(egressTable).get(id) ?? UNREAD
  }

  /** On disk when it resolves. Nothing is kept of a lease that is over. */
  async saveEgress(id: Buffer, accounts: EgressAccounts): Promise<void> {
    const lease = this.get('buyer', id)
    if (lease && !isOver(lease)) await this.#store.set(change(egressTable, id, accounts))
  }

  /** How a copy that this node bought stands. */
  health(lease: Lease): Health {
    return healthOf(lease, this.auditOf(agreementId(lease.terms)))
  }

  /** Whether a copy fails its audits, is gone, or was given up before its end and not by its owner's wish. */
  hasFailed(lease: Lease, now: number): boolean {
    const health = this.health(lease)
    return health === 'failing' || health === 'gone' || isLostEarly(lease, now)
  }

  /**
   * Makes all stored copies of the owner known to `due` for which `at` is earlier than what was noted: what is due for a
   * lease has changed with the program. On disk when it resolves.
   */
  async hasten(at: (id: Buffer, lease: Lease) => number): Promise<void> {
    const dues = this.#store.table(leaseDueTable)
    const sooner: Change[] = []
    for (const { id, lease } of this.at('buyer', LEASE.STORED)) {
      const noted = dues.get(['buyer', id])
      if (noted !== null && noted > at(id, lease)) sooner.push(change(leaseDueTable, ['buyer', id], 0))
    }
    if (sooner.length > 0) await this.#store.set(...sooner)
  }

  /** On disk when it resolves. Nothing is kept of a lease that is over. */
  async saveAudit(id: Buffer, record: AuditRecord, ...changes: Change[]): Promise<void> {
    const lease = this.get('buyer', id)
    const kept = lease && !isOver(lease) ? record : null
    const due = kept ? [change(leaseDueTable, ['buyer', id], 0)] : []
    await this.#store.set(change(auditTable, id, kept), ...due, ...changes)
  }

  /** Resolves when all that was changed so far is on disk. */
  flushed(): Promise<void> {
    return this.#store.flushed()
  }

  /** On disk when it resolves. */
  async save(lease: Lease): Promise<void> {
    await this.#store.set(this.change(lease))
  }

  /** The countersigned list of installments that begins with installment `from`. */
  strip(role: LeaseRole, id: Buffer, from: number): Countersign | null {
    if (from === 0) return this.get(role, id)?.countersign ?? null
    return this.#store.table(listTable).get([role, id, from])
  }

  /** All known signed installments of an agreement. */
  lists(role: LeaseRole, id: Buffer): InstallmentList['installments'] {
    const installments: InstallmentList['installments'] = []
    for (;;) {
      const strip = this.strip(role, id, installments.length)
      if (!strip || strip.list.installments.length === 0) return installments
      installments.push(...strip.list.installments)
    }
  }

  listChange(role: LeaseRole, id: Buffer, from: number, countersign: Countersign): Change {
    return change(listTable, [role, id, from], countersign)
  }

  /** The reissue with this new payment hash: the void of the old hash and the signed list with the new one. */
  reissue(hash: Buffer): Reissue | null {
    return this.#store.table(reissueTable).get(hash)
  }

  reissueChange(hash: Buffer, reissue: Reissue): Change {
    return change(reissueTable, hash, reissue)
  }

  async saveReissue(hash: Buffer, reissue: Reissue): Promise<void> {
    await this.#store.set(this.reissueChange(hash, reissue))
  }
}

function* rowsOf(entries: Iterable<Entry<readonly [string, Buffer], Lease>>): Iterable<LeaseRow> {
  for (const { key, value } of entries) yield { id: key[1], lease: value }
}

const schedules = new WeakMap<object, Installment[]>()

/** The installments of a lease, computed once. */
export function installmentsOf(lease: Lease): Installment[] {
  let installments = schedules.get(lease.terms)
  if (!installments) schedules.set(lease.terms, (installments = planInstallments(lease.terms)))
  return installments
}

/**
 * End of the time that the first `paid` installments pay for, ms since 1970. Without a start it counts from the commit,
 * and without a commit from the latest time for one: a payment that was pending when the lease was given up may still
 * turn out to be made, and what it paid for is not over then.
 */
export function paidUntil(lease: Lease, paid: number): number {
  const begin = lease.start || lease.committed || (paid > 0 ? lease.terms.startBy : 0)
  return paid === 0
    ? begin
    : begin + installmentsOf(lease)[Math.min(paid, installmentsOf(lease).length) - 1]!.end
}

/** End of all that is agreed, paid or not, ms since 1970. */
export function endOf({ start, committed, created, terms }: Lease): number {
  return (start || committed || created) + terms.time
}

/** Why a lease ended that was paid and served to its end. */
export const SERVED = 'it was served'

/** Why a lease ended that its owner wanted no more. */
export const ENDED_BY_OWNER = 'the owner ended it'

/** Whether a lease that this node bought was given up before its end, and not by its owner's wish. */
function isLostEarly(lease: Lease, now: number): boolean {
  return isGivenUp(lease) && endOf(lease) > now && !lease.reason?.startsWith(ENDED_BY_OWNER)
}

/** What was paid for the time after `now`, msat, when the first `paid` installments are. */
export function atRiskOf(lease: Lease, paid: number, now: number): bigint {
  const served = lease.start ? now - lease.start : 0
  return installmentsOf(lease)
    .slice(0, paid)
    .filter(installment => installment.end > served)
    .reduce((sum, installment) => sum + installment.msat, 0n)
}

/** First installment of the strip that contains `installment`. */
export function stripOf(installment: number): number {
  return installment - (installment % STRIP_LENGTH)
}

/** Agreed ciphertext bytes, without the overhead per block. */
export function bytesOf(lease: Lease): number {
  return lease.terms.cores.reduce((sum, core) => sum + core.byteLength, 0)
}

export function idOf(lease: Lease): string {
  return formatKey(agreementId(lease.terms))
}

/** The entry of a list for one installment, or null. */
export function listedOf(
  list: InstallmentList,
  installment: number
): InstallmentList['installments'][number] | null {
  return list.installments.find(listed => listed.installment === installment) ?? null
}
