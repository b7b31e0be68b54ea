import type { Countersign, JobDue, JobTerms } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { FINAL_INSTALLMENT, jobId, jobSegments, partOf } from '../../../contracts/job.js'
import { verify } from '../../../contracts/keys/signature.js'
import { MINUTE } from '../../../contracts/money/quantity.js'
import { Backoff } from '../../base/backoff.js'
import { pause } from '../../base/timeouts.js'
import type { Payment } from '../../payment/ledger.js'
import { isSettled } from '../../payment/ledger.js'
import type { Payments } from '../../payment/payments.js'
import type { JobRecords } from '../job/job-records.js'

export interface HirePayingOptions {
  payments: Payments
  jobs: JobRecords
  terms: JobTerms
  /** How long a payment is waited for, ms. */
  timeoutMs: number
  /** After a first failure, before it is tried again, ms. */
  retryMs: number
  /** What a provider that asks for another payment than was agreed is told of as. */
  lie: (why: string) => BushelError
  onpaid: (payment: Payment) => void
}

/** The last payment, as the provider's statement has it. */
export interface Last {
  msat: bigint
  hash: Buffer
}

/** What a payment that is asked for is by the terms and the statement; without an amount none is left to pay. */
interface Expected {
  installment: number
  msat: bigint | null
  hash?: Buffer
}

const NOTHING_PAID = new Set(['PAYMENT_FAILED', 'INVOICE_EXPIRED'])
/** Tries of one payment that the wallet says has failed. */
const TRIES = 5
const NAMES = { base: 'the base', segment: 'a segment', rest: 'the last payment' }

/** Pays what a job falls due for, each payment once, after it was held against the terms. */
export class HirePaying {
  readonly #options: HirePayingOptions
  readonly #id: Buffer
  readonly #failures = new Map<number, Backoff>()

  constructor(options: HirePayingOptions) {
    this.#options = options
    this.#id = jobId(options.terms)
  }

  /** How many segments are paid, the base among them. */
  get segments(): number {
    return this.#options.payments.ledger.contiguous(this.#id)
  }

  get paidMsat(): bigint {
    return this.#options.payments.ledger.totals(this.#id).paidMsat
  }

  get feesMsat(): bigint {
    return this.#options.payments.ledger.totals(this.#id).feesMsat
  }

  /** True when nothing of it has left, and nothing may have. */
  get untouched(): boolean {
    const { paidMsat, inFlightMsat } = this.#options.payments.ledger.totals(this.#id)
    return paidMsat + inFlightMsat === 0n
  }

  /** Pays the segment that is due; nothing when that one is paid already and the provider has not heard of it. */
  async segment(due: JobDue, signal: AbortSignal): Promise<void> {
    await this.settle()
    const next = this.segments
    const installment = due.countersign.list.installments[0]?.installment
    if (installment !== undefined && installment === next - 1) return
    await this.#pay(due, { installment: next, msat: jobSegments(this.#options.terms)[next] ?? null }, signal)
  }

  /** What was sent and not heard of since is asked for by its hash; rejects with PAYMENT_PENDING while it is in limbo. */
  async settle(): Promise<void> {
    const { payments, timeoutMs } = this.#options
    for (const { step, installment } of payments.ledger.payments(this.#id)) {
      if (step !== 'sent') continue
      try {
        this.#options.onpaid(await payments.pay(this.#id, installment, timeoutMs))
      } catch (error) {
        if (!(error instanceof BushelError) || !NOTHING_PAID.has(error.code)) throw error
      }
    }
  }

  last(due: JobDue, last: Last, signal: AbortSignal): Promise<void> {
    return this.#pay(due, { installment: FINAL_INSTALLMENT, ...last }, signal)
  }

  async #pay({ countersign, invoice }: JobDue, expected: Expected, signal: AbortSignal): Promise<void> {
    const { installment } = expected
    const { payments, terms, jobs, lie, timeoutMs } = this.#options
    const { identity, lightning } = terms.provider
    const fault = this.#faultOf(countersign, expected)
    if (fault) throw lie(`it asks for a payment that is not due: ${fault}`)
    const known = payments.ledger.payment(this.#id, installment)
    if (known && isSettled(known.step)) return
    if (!jobs.due(this.#id, installment)) await jobs.saveDue(this.#id, installment, countersign)
    await payments.intend(countersign.list, identity)
    await payments.bind(countersign.list, [invoice], lightning!, identity)
    try {
      const payment = await payments.pay(this.#id, installment, timeoutMs)
      payments.applied(payment)
      this.#options.onpaid(payment)
    } catch (error) {
      if (!(error instanceof BushelError) || !NOTHING_PAID.has(error.code)) throw error
      // The same hash is tried again: it is never paid twice.
      const failures =
        this.#failures.get(installment) ?? new Backoff({ first: this.#options.retryMs, last: MINUTE })
      this.#failures.set(installment, failures)
      const delay = failures.next()
      if (failures.tries >= TRIES || error.code === 'INVOICE_EXPIRED') throw unpayable(error, installment)
      await pause(delay, signal)
    }
  }

  #faultOf({ list, signature }: Countersign, { installment, msat, hash }: Expected): string | null {
    const [listed, ...more] = list.installments
    if (!listed || more.length > 0) return `it lists ${list.installments.length} payments`
    if (!list.agreement.equals(this.#id)) return 'it is for another agreement'
    if (msat === null) return 'all segments are paid'
    if (listed.installment !== installment)
      return `it is for segment ${listed.installment}, not ${installment}`
    if (listed.issue !== 0) return 'it is another issue'
    if (listed.msat !== msat) return `segment ${installment} is ${listed.msat} msat, not ${msat}`
    if (hash && !listed.hash.equals(hash)) return 'its hash is not the one that was stated'
    if (!verify('installment-list', list, signature, this.#options.terms.provider.device))
      return 'its signature does not hold'
    return null
  }
}

/** It is not for want of tries: what was paid before stays paid, and this never is. */
function unpayable({ code, message }: BushelError, installment: number): BushelError {
  const hint = 'what was paid before is lost with this provider; another may still do the job'
  return new BushelError(code, `${NAMES[partOf(installment)]} could not be paid: ${message}`, hint)
}
