import type { Countersign, JobDue, JobTerms } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { FINAL_INSTALLMENT, jobId, jobSegments, partOf } from '../../../contracts/job.js'
import { verify } from '../../../contracts/keys/signature.js'
import { MINUTE } from '../../../contracts/money/quantity.js'
import { Backoff } from '../../base/backoff.js'
import { FIRST_ROUTE, Stall, pause } from '../../base/timeouts.js'
import type { Payment } from '../../payment/ledger.js'
import { isSettled } from '../../payment/ledger.js'
import type { Payments } from '../../payment/payments.js'
import type { JobRecords } from '../job/job-records.js'
import { STEP } from '../../payment/payment-state.js'

export interface JobPaymentsOptions {
  payments: Payments
  jobs: JobRecords
  terms: JobTerms
  /** Longest wait for one payment, ms. */
  timeoutMs: number
  /** Pause before the first retry of a failed payment, ms. */
  retryMs: number
  /** How long a missing route is waited for, ms. */
  routeMs: number
  /** Makes the error for a provider that asks for a payment which the terms do not have. */
  badPeer: (why: string) => BushelError
  onpaid: (payment: Payment) => void
}

/** The last payment, as stated in the provider's statement. */
export interface LastPayment {
  msat: bigint
  hash: Buffer
}

/** The payment that is due by the terms and the statement. */
interface ExpectedPayment {
  installment: number
  /** Null when every segment is paid. */
  msat: bigint | null
  hash?: Buffer
}

const NOTHING_PAID = new Set(['PAYMENT_FAILED', 'NO_ROUTE', 'INVOICE_EXPIRED'])
/** Attempts at one payment, counting only those that the wallet reports as failed. */
const MAX_ATTEMPTS = 5
const NAMES = { base: 'the base', segment: 'a segment', rest: 'the last payment' }

/** Checks each payment that a job's provider asks for against the terms, and pays it once. */
export class JobPayments {
  readonly #options: JobPaymentsOptions
  readonly #id: Buffer
  readonly #failures = new Map<number, Backoff>()
  /** By installment, since a route is missing. */
  readonly #missing = new Map<number, Stall>()

  constructor(options: JobPaymentsOptions) {
    this.#options = options
    this.#id = jobId(options.terms)
  }

  /** Number of paid segments, including the base. */
  get segments(): number {
    return this.#options.payments.ledger.contiguous(this.#id)
  }

  get paidMsat(): bigint {
    return this.#options.payments.ledger.totals(this.#id).paidMsat
  }

  get feesMsat(): bigint {
    return this.#options.payments.ledger.totals(this.#id).feesMsat
  }

  /** True when no payment of the job is paid or in flight. */
  get untouched(): boolean {
    const { paidMsat, inFlightMsat } = this.#options.payments.ledger.totals(this.#id)
    return paidMsat + inFlightMsat === 0n
  }

  /** Pays the segment that is due, unless it is paid already and the provider does not know it yet. */
  async segment(due: JobDue, signal: AbortSignal): Promise<void> {
    await this.settle()
    const next = this.segments
    const installment = due.countersign.list.installments[0]?.installment
    if (installment !== undefined && installment === next - 1) return
    await this.#pay(due, { installment: next, msat: jobSegments(this.#options.terms)[next] ?? null }, signal)
  }

  /** Asks the wallet for the outcome of every sent payment. Rejects with PAYMENT_PENDING while one has no outcome. */
  async settle(): Promise<void> {
    const { payments, timeoutMs } = this.#options
    for (const { step, installment } of payments.ledger.payments(this.#id)) {
      if (step !== STEP.sent) continue
      try {
        this.#options.onpaid(await payments.pay(this.#id, installment, timeoutMs))
      } catch (error) {
        if (!(error instanceof BushelError) || !NOTHING_PAID.has(error.code)) throw error
      }
    }
  }

  last(due: JobDue, last: LastPayment, signal: AbortSignal): Promise<void> {
    return this.#pay(due, { installment: FINAL_INSTALLMENT, ...last }, signal)
  }

  async #pay(
    { countersign, invoice }: JobDue,
    expected: ExpectedPayment,
    signal: AbortSignal
  ): Promise<void> {
    const { installment } = expected
    const { payments, terms, jobs, badPeer, timeoutMs } = this.#options
    const { identity, lightning } = terms.provider
    const fault = this.#faultOf(countersign, expected)
    if (fault) throw badPeer(`it asks for a payment that is not due: ${fault}`)
    const known = payments.ledger.payment(this.#id, installment)
    if (known && isSettled(known.step)) return
    const due = jobs.due(this.#id, installment) ? [] : [jobs.dueChange(this.#id, installment, countersign)]
    await payments.intend(countersign.list, identity, due)
    await payments.bind(countersign.list, [invoice], lightning!, identity)
    try {
      const payment = await payments.pay(this.#id, installment, timeoutMs)
      payments.applied(payment)
      this.#options.onpaid(payment)
    } catch (error) {
      if (!(error instanceof BushelError) || !NOTHING_PAID.has(error.code)) throw error
      // A retry uses the same payment hash, so it cannot pay twice.
      const failures =
        this.#failures.get(installment) ?? new Backoff({ first: this.#options.retryMs, last: MINUTE })
      this.#failures.set(installment, failures)
      const delay = failures.next()
      if (this.#isFinal(error, installment, failures.tries)) throw unpayable(error, installment)
      await pause(delay, signal)
    }
  }

  /** A missing route is waited for, since the payee's node may be starting again; any other failure is tried a few times. */
  #isFinal({ code }: BushelError, installment: number, tries: number): boolean {
    if (code !== 'NO_ROUTE') return tries >= MAX_ATTEMPTS || code === 'INVOICE_EXPIRED'
    const { routeMs } = this.#options
    const since =
      this.#missing.get(installment) ??
      new Stall(installment === 0 ? Math.min(routeMs, FIRST_ROUTE) : routeMs)
    this.#missing.set(installment, since)
    return since.isStalled
  }

  #faultOf({ list, signature }: Countersign, { installment, msat, hash }: ExpectedPayment): string | null {
    const [listed, ...more] = list.installments
    if (!listed || more.length > 0) return `its list has ${list.installments.length} payments instead of one`
    if (!list.agreement.equals(this.#id)) return 'its list is for another agreement'
    if (msat === null) return 'all segments are paid already'
    if (listed.installment !== installment)
      return `its list is for segment ${listed.installment}, not ${installment}`
    if (listed.issue !== 0) return 'its list is a reissue'
    if (listed.msat !== msat)
      return `it asks for ${listed.msat} msat as ${NAMES[partOf(installment)]}, agreed were ${msat} msat`
    if (hash && !listed.hash.equals(hash)) return 'its payment hash is not the one in its statement'
    if (!verify('installment-list', list, signature, this.#options.terms.provider.device))
      return 'the signature of its list is not valid'
    return null
  }
}

/** The error that ends the job with this provider. Payments made before it stay paid. */
function unpayable({ code, message }: BushelError, installment: number): BushelError {
  const hint = 'earlier payments to this provider are lost; another provider may still do the job'
  return new BushelError(code, `${NAMES[partOf(installment)]} could not be paid: ${message}`, hint)
}
