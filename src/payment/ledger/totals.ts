import type { PaymentAccount } from '#spec'
import { most } from '../../../contracts/money/money.js'
import type { Msat } from '../../../contracts/money/money.js'
import { isSettled } from '../payment.js'
import type { Payment } from '../payment.js'
import { STEP, isOpen } from '../payment-state.js'

/** The sums of an agreement's payments. */
export interface Totals {
  /** Settled installments, with those settled from a debt. */
  paidMsat: Msat
  feesMsat: Msat
  receivedMsat: Msat
  inFlightMsat: Msat
  /** Paid back, to us or by us. */
  refundedMsat: Msat
  /** A refund that may still be paid: its invoice was sent or bound, or the payment is in flight. */
  refundOpenMsat: Msat
  /** The part of `paidMsat` that was settled from a debt. */
  creditedMsat: Msat
  /** How many installments are settled. */
  payments: number
}

export function noTotals(): Totals {
  return {
    paidMsat: 0n,
    feesMsat: 0n,
    receivedMsat: 0n,
    inFlightMsat: 0n,
    refundedMsat: 0n,
    refundOpenMsat: 0n,
    creditedMsat: 0n,
    payments: 0
  }
}

/** An account before its first payment. */
export function emptyAccount(): PaymentAccount {
  return { ...noTotals(), contiguous: 0, twice: 0, largestMsat: 0n }
}

/** Takes in what the account of an agreement says of its installments, of any step. */
export function noteInstallment(account: PaymentAccount, { kind, role, msat }: Payment): void {
  if (kind !== 'installment') return
  account.role = role
  account.largestMsat = most(account.largestMsat, msat)
}

/** Adds a payment to the sums (sign 1) or subtracts it (-1). */
export function add(totals: Totals, { step, role, kind, msat, feeMsat }: Payment, sign: 1n | -1n): void {
  if (isSettled(step)) totals.feesMsat += sign * feeMsat
  if (kind === 'refund') {
    if (isSettled(step)) totals.refundedMsat += sign * msat
    else if (isOpen(step)) totals.refundOpenMsat += sign * msat
    return
  }
  if (step === STEP.sent) totals.inFlightMsat += sign * msat
  if (!isSettled(step)) return
  if (role === 'payer') totals.paidMsat += sign * msat
  else totals.receivedMsat += sign * msat
  if (step === STEP.credited) totals.creditedMsat += sign * msat
  totals.payments += Number(sign)
}

/** The agreement whose debt has settled a payment, which names it in its text. */
export function debtOf({ text }: Payment): Buffer {
  return Buffer.from(text.slice(text.lastIndexOf(' ') + 1), 'hex')
}
