import ReadyResource from 'ready-resource'
import { isOurs } from '../../../../contracts/errors/error.js'
import { DAY, HOUR, MINUTE } from '../../../../contracts/money/quantity.js'
import { KeyedBackoff } from '../../../base/backoff.js'
import type { Retry } from '../../../base/backoff.js'
import { Poller } from '../../../base/poller.js'
import { BuyerLease } from '../buyer-lease.js'
import type { BuyerLeaseContext } from '../buyer-lease.js'
import { auditAt, isOpen, woken } from '../../lease/challenge.js'
import { LEASE, isSealed, isUnpaid } from '../../lease/lease-state.js'
import type { Lease } from '#spec'
import { agreementId } from '../../../../contracts/terms.js'
import type { Installment } from '../../../../contracts/money/installments.js'
import { installmentsOf, isOver, paidUntil } from '../../lease/leases.js'
import { TIMEOUTS } from '../../lease/timeouts.js'
import { Auditor } from './auditor.js'
import { afterFailure } from './failure.js'
import type { Refunds } from '../refunds.js'
import type { Logger } from '../../../base/logger.js'

export interface MaintenanceOptions extends BuyerLeaseContext {
  refunds: Refunds
  log: Logger
  /** For how long ahead a lease is paid, ms; at least an hour. */
  ahead?: (lease: Lease) => number
  /** ms between two looks for due work. */
  tickEvery?: number
  retry?: Retry
}

/**
 * An installment is paid at the latest this long before its time starts, or half its length before when that is less; earlier, when
 * less than half of what is to be paid ahead is left.
 */
const LEAD = HOUR
/** Until a payment that failed is tried again. */
const PAY_AGAIN: Retry = { first: MINUTE, last: 10 * MINUTE }

/**
 * Audits every stored copy once a day, and pays the later installments of leases that were not paid in full in advance, each
 * after an audit, while the node runs.
 * A provider that fails an audit is not paid; a silent one is tried again. Event: `failed` after either could not be done.
 */
export class Maintenance extends ReadyResource {
  readonly #options: MaintenanceOptions
  readonly #lapsing: KeyedBackoff
  /** Of leases whose provider was not paid, though it had just answered an audit. */
  readonly #paying: KeyedBackoff
  readonly #auditor: Auditor
  /** The lease whose provider is being asked for its signed debt. */
  #asked: Buffer | null = null
  readonly #poller: Poller
  /** When tokens were swept last, ms since 1970. */
  #swept = 0

  constructor(options: MaintenanceOptions) {
    super()
    // An unreachable wallet or a missing route must not make one lease wait for another: each is retried at the next look.
    this.#options = { ...options, timeouts: { ...(options.timeouts ?? TIMEOUTS), wallet: 0, route: 0 } }
    this.#lapsing = new KeyedBackoff(options.retry, options.now)
    this.#paying = new KeyedBackoff(options.retry ?? PAY_AGAIN, options.now)
    this.#auditor = new Auditor((copy, signal) => this.#audit(copy, signal))
    this.#poller = new Poller({
      look: () => this.#look(),
      interval: options.tickEvery ?? 60_000,
      onerror: options.log.fault
    })
  }

  protected override async _open(): Promise<void> {
    const { leases, now } = this.#options
    await leases.hasten((id, lease) => auditAt(lease, leases.auditOf(id), now()))
    void this.#poller.start()
  }

  protected override async _close(): Promise<void> {
    await Promise.all([this.#poller.close(), this.#auditor.close()])
  }

  /**
   * A provider has connected: at the next look it is asked for the answers that lapsing and ended leases still need. A
   * connection made by such a request does not count.
   */
  met(device: Buffer): void {
    const { leases, now, log } = this.#options
    const waiting = this.#unanswered().filter(id => providerOf(leases.get('buyer', id))?.equals(device))
    for (const { id, lease } of leases.with(device)) {
      if (lease.state === LEASE.LAPSING) waiting.push(id)
      const record =
        lease.role === 'buyer' && !this.#auditor.asks(device) ? woken(leases.auditOf(id), now()) : null
      if (record) leases.saveAudit(id, record).catch(log.fault)
    }
    for (const id of waiting) if (!this.#asked?.equals(id)) this.#lapsing.reset(id)
  }

  /** Does all work that is due now; audits go on beside it. */
  look(): Promise<void> {
    return this.#poller.look()
  }

  async #look(): Promise<void> {
    const { leases, payments, now, taking } = this.#options
    if (taking?.isLeft) return
    const due = (lease: Lease): number => {
      const id = agreementId(lease.terms)
      const audit = auditAt(lease, leases.auditOf(id), now())
      return dueAt(lease, payments.ledger.contiguous(id), { audit, ahead: this.#ahead(lease) })
    }
    for await (const { id, lease } of leases.due('buyer', now(), due)) {
      if (this.#poller.signal.aborted) return
      const copy = new BuyerLease(this.#options, id)
      if (isUnpaid(lease) && now() > lease.terms.startBy) await this.#lapse(copy)
      if (lease.state === LEASE.LAPSING) await this.#settle(copy, lease.reason ?? 'the buyer gave it up')
      const before = lease.state === LEASE.NEXT ? leases.get('buyer', lease.terms.follows!) : null
      // It was sealed in the grace of one that was closed already.
      if (before && isOver(before) && now() >= lease.start)
        await leases.save({ ...copy.lease, state: LEASE.STORED })
      else if (lease.state === LEASE.NEXT && now() >= auditAt(lease, leases.auditOf(id), now()))
        this.#auditor.add(copy)
      if (lease.state !== LEASE.STORED) continue
      const next = installmentsOf(lease)[copy.paidInstallments]
      // One that follows and is not sealed yet may be sealed in the grace.
      const follower = leases.successorOf('buyer', id)
      const waits = Boolean(next) || (follower !== null && follower.state !== LEASE.NEXT)
      if (now() > copy.paidUntil + (waits ? lease.terms.grace : 0))
        await (next ? copy.close('it ran out') : copy.served())
      else await this.#keep(copy, next ?? null)
    }
    await this.#resolve()
    await this.#options.refunds.look()
    await this.#sweep()
  }

  /** Once a day deletes what mirrors that are over have left. */
  async #sweep(): Promise<void> {
    const { now, tokens } = this.#options
    if (Math.abs(now() - this.#swept) < DAY) return
    this.#swept = now()
    await tokens?.sweep()
  }

  /** Looks soon: something is due that was not. */
  poke(): void {
    this.#poller.poke()
  }

  /** Resolves when every audit that is under way has ended. */
  audited(): Promise<void> {
    return this.#auditor.idle()
  }

  /** Voids an agreement whose first payment was never sent; for one in flight the wallet's answer decides. */
  async #lapse(copy: BuyerLease): Promise<void> {
    if (this.#options.payments.ledger.totals(copy.id).inFlightMsat === 0n)
      await copy.giveUp('the first payment was not made in time')
  }

  /** Repeats unanswered credit requests of ended leases, which block the rest of a debt. */
  async #resolve(): Promise<void> {
    for (const id of this.#unanswered()) {
      if (!this.#lapsing.isDue(id)) continue
      try {
        this.#asked = id
        await new BuyerLease(this.#options, id).resolve()
        this.#lapsing.reset(id)
      } catch (error) {
        if (isOurs(error)) throw error
      } finally {
        this.#asked = null
      }
    }
  }

  #unanswered(): Buffer[] {
    const { debts, leases } = this.#options
    return debts.unanswered().filter(id => {
      const lease = leases.get('buyer', id)
      return lease !== null && isOver(lease)
    })
  }

  /** Audits a copy when that is due, or a payment is and it was not audited just before; then pays. */
  async #keep(copy: BuyerLease, next: Installment | null): Promise<void> {
    const { leases } = this.#options
    const now = this.#options.now()
    const { lease } = copy
    const record = leases.auditOf(copy.id)
    const isPayable = next !== null && now >= payAt(lease, next, this.#ahead(lease)) && !isOpen(record)
    const isFresh = Math.abs(now - (lease.audited ?? 0)) < LEAD
    if (now >= auditAt(lease, record, now) || (isPayable && !isFresh)) this.#auditor.add(copy)
    else if (isPayable && this.#paying.isDue(copy.id)) await this.#pay(copy)
  }

  #ahead(lease: Lease): number {
    return this.#options.ahead?.(lease) ?? 0
  }

  /** A provider that is away or silent is audited again later; the lease remembers since when. */
  async #audit(copy: BuyerLease, signal: AbortSignal): Promise<void> {
    try {
      // It may have ended while it waited.
      if (!isSealed(copy.lease)) return
      await copy.check(signal)
      this.#poller.poke() // a payment may have waited for it
    } catch (error) {
      await this.#failed(copy, error, signal)
    }
  }

  async #pay(copy: BuyerLease): Promise<void> {
    const { signal } = this.#poller
    try {
      await copy.payNext(signal)
      this.#paying.reset(copy.id)
    } catch (error) {
      await this.#failed(copy, error, signal)
    }
  }

  async #failed(copy: BuyerLease, error: unknown, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const { deals, log } = this.#options
    await afterFailure(deals.experiences, copy, error).catch(log.fault)
    log.fault(error)
    this.emit('failed')
  }

  /**
   * Requests the provider's signed debt as long as it may still hold money of ours; an offline provider is asked ever
   * more rarely.
   */
  async #settle(copy: BuyerLease, reason: string): Promise<void> {
    const { now } = this.#options
    if (copy.paidInstallments > 0 && now() > copy.paidUntil + copy.lease.terms.grace) await copy.close(reason)
    else if (this.#lapsing.isDue(copy.id)) {
      this.#asked = copy.id
      await copy.giveUp(reason).finally(() => (this.#asked = null))
    }
    if (copy.lease.state !== LEASE.LAPSING) this.#lapsing.reset(copy.id)
  }
}

/** From when on there may be something to do for a lease, ms since 1970; later when more is paid. */
function dueAt(lease: Lease, paid: number, { audit, ahead }: { audit: number; ahead: number }): number {
  if (isUnpaid(lease)) return lease.terms.startBy
  if (lease.state === LEASE.NEXT) return Math.min(audit, lease.start)
  if (lease.state !== LEASE.STORED) return lease.state === LEASE.LAPSING ? 0 : Infinity
  const next = installmentsOf(lease)[paid]
  const money = next
    ? Math.min(payAt(lease, next, ahead), paidUntil(lease, paid) + lease.terms.grace)
    : paidUntil(lease, paid)
  return Math.min(money, audit)
}

/** From when on an installment is paid, ms since 1970; `ahead`: for how long ahead the lease is paid, ms. */
export function payAt({ start }: Lease, next: Installment, ahead: number): number {
  const lead = Math.min(LEAD, (next.end - next.start) / 2)
  return Math.floor(start + next.start - Math.max(lead, ahead / 2))
}

function providerOf(lease: Lease | null): Buffer | null {
  return lease?.terms.provider.device ?? null
}
