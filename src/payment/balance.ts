import { shortKey } from '../../contracts/keys/key.js'
import { formatAmount, least } from '../../contracts/money/money.js'
import type { Msat } from '../../contracts/money/money.js'
import type { Ledger, Payment, PaymentRole } from './ledger.js'
import { isSettled } from './ledger.js'
import { DIRECTIONS, addSettled, areSamePayments, directionOf, nothingSettled } from './ledger/settled.js'
import type { Direction, SettledSum } from './ledger/settled.js'
import { byWallet } from './payment.js'
import type { WalletRecord } from '../lightning/payment-records.js'
import { STEP } from './payment-state.js'

/** The sums of one agreement, as payer (prepaid by us) or payee (prepaid to us). */
export interface AccountBalance {
  agreement: Buffer
  role: PaymentRole
  /** Paid for installments: settled, credited and in flight. */
  paidMsat: Msat
  /** Paid back, or credited to other agreements. */
  refundedMsat: Msat
  consumedMsat: Msat
  inFlightMsat: Msat
  /** paid - refunded - consumed - in flight: prepaid, and not served yet. */
  balanceMsat: Msat
}

export interface BalanceCheck {
  ok: boolean
  /** The balance in words, one line each. */
  lines: string[]
  accounts: AccountBalance[]
  /** As payer, sum of the accounts. */
  paidMsat: Msat
  /** As payee, sum of the accounts. */
  receivedMsat: Msat
  refundedMsat: Msat
  feesMsat: Msat
  inFlightMsat: Msat
  consumedMsat: Msat
  /** Prepaid by us and not served yet. */
  balanceMsat: Msat
  /** Prepaid to us, and not served by us yet. */
  owedMsat: Msat
  /** Payments made and received by the ledger, with refunds and direct payments, without fees. */
  ledgerPaidMsat: Msat
  ledgerReceivedMsat: Msat
  /** The same by the wallet's own records, over the hashes of the ledger. */
  walletPaidMsat: Msat
  walletReceivedMsat: Msat
  /** Every difference found, one line each. */
  faults: string[]
}

/**
 * Computes the balance of each agreement: paid - refunded - consumed - in flight. Checks that ledger and wallet agree to
 * the msat over the hashes of the ledger, that no intent has two settled payments, and that at most one installment of
 * service is unpaid. `consumed` is the value of the service delivered, msat, by agreement in hex.
 */
export function checkBalance(
  ledger: Ledger,
  walletRecords: readonly WalletRecord[],
  consumed: ReadonlyMap<string, Msat> = new Map()
): BalanceCheck {
  const faults: string[] = []
  const wallet = walletSums(ledger, walletRecords, faults)
  const own = ledgerSums(ledger, wallet)
  if (DIRECTIONS.some(one => !areSamePayments(wallet.settled[one], ledger.settledByWallet(one))))
    unequal(ledger, walletRecords, faults)
  if (own.paidMsat !== wallet.paidMsat)
    faults.push(`the ledger has ${own.paidMsat} msat paid, the wallet ${wallet.paidMsat} msat`)
  if (own.receivedMsat !== wallet.receivedMsat)
    faults.push(`the ledger has ${own.receivedMsat} msat received, the wallet ${wallet.receivedMsat} msat`)
  if (own.feesMsat !== wallet.feesMsat)
    faults.push(`the ledger has ${own.feesMsat} msat of fees, the wallet ${wallet.feesMsat} msat`)

  const accounts = accountsOf(ledger, consumed, faults)
  const sum = (of: (account: AccountBalance) => Msat, role?: PaymentRole): Msat =>
    accounts.reduce((total, account) => (role && account.role !== role ? total : total + of(account)), 0n)
  const check = {
    accounts,
    paidMsat: sum(account => account.paidMsat, 'payer'),
    receivedMsat: sum(account => account.paidMsat, 'payee'),
    refundedMsat: sum(account => account.refundedMsat),
    feesMsat: own.feesMsat,
    inFlightMsat: sum(account => account.inFlightMsat),
    consumedMsat: sum(account => account.consumedMsat),
    balanceMsat: sum(account => account.balanceMsat, 'payer'),
    owedMsat: sum(account => account.balanceMsat, 'payee'),
    ledgerPaidMsat: own.paidMsat,
    ledgerReceivedMsat: own.receivedMsat,
    walletPaidMsat: wallet.paidMsat,
    walletReceivedMsat: wallet.receivedMsat,
    faults
  }
  return { ok: faults.length === 0, lines: linesOf(check, sum), ...check }
}

interface Amounts {
  paidMsat: Msat
  receivedMsat: Msat
  feesMsat: Msat
}

interface WalletSums extends Amounts {
  /** The part of payments that the ledger has without the wallet, which may learn of them later. */
  others: Amounts
  /** What both have settled. */
  settled: Record<Direction, SettledSum>
}

const nothing = (): Amounts => ({ paidMsat: 0n, receivedMsat: 0n, feesMsat: 0n })

/** Sums the wallet's records of the ledger's hashes and compares each with the ledger. */
function walletSums(ledger: Ledger, records: readonly WalletRecord[], faults: string[]): WalletSums {
  const settled = { sent: nothingSettled(), received: nothingSettled() }
  const sums: WalletSums = { ...nothing(), others: nothing(), settled }
  const others = new Set<string>()
  for (const { direction, paymentHash, msat, feeMsat, status } of records) {
    const payment = ledger.byHash(paymentHash)
    if (!payment || directionOf(payment.role) !== direction) continue
    if (
      status === 'pending' &&
      payment.role === 'payer' &&
      payment.step !== STEP.sent &&
      !isSettled(payment.step)
    )
      faults.push(`${name(payment)}: in flight by the wallet, ${payment.step} in the ledger`)
    if (status !== 'succeeded') continue
    const key = paymentHash.toString('hex')
    if (!isSettled(payment.step))
      faults.push(`${name(payment)}: settled by the wallet, ${payment.step} in the ledger`)
    else if (byWallet(payment)) settled[direction] = addSettled(settled[direction], payment)
    else if (others.has(key)) faults.push(settledHashTwice(payment))
    else {
      others.add(key)
      count(sums.others, payment, feeMsat)
    }
    if (direction === 'sent') {
      sums.paidMsat += msat
      sums.feesMsat += feeMsat
    } else sums.receivedMsat += least(msat, payment.msat) // an overpayment is a gift
  }
  return sums
}

/** Only the wallet knows the fee of a payment that counts without it. */
function count(amounts: Amounts, { role, msat }: Payment, feeMsat: Msat): void {
  if (role === 'payer') {
    amounts.paidMsat += msat
    amounts.feesMsat += feeMsat
  } else amounts.receivedMsat += msat
}

/** The sums that the wallet should have, by the ledger. */
function ledgerSums(ledger: Ledger, { others }: WalletSums): Amounts {
  const [sent, received] = [ledger.settledByWallet('sent'), ledger.settledByWallet('received')]
  return {
    paidMsat: sent.msat + others.paidMsat,
    receivedMsat: received.msat + others.receivedMsat,
    feesMsat: sent.feesMsat + others.feesMsat
  }
}

/** Names the payments that the wallet has not settled, or twice: it reads the whole ledger, when the sums differ. */
function unequal(ledger: Ledger, records: readonly WalletRecord[], faults: string[]): void {
  const settled = new Set<string>()
  for (const { direction, paymentHash, status } of records) {
    const payment = status === 'succeeded' ? ledger.byHash(paymentHash) : null
    if (!payment || directionOf(payment.role) !== direction) continue
    const key = paymentHash.toString('hex')
    if (settled.has(key) && byWallet(payment)) faults.push(settledHashTwice(payment))
    settled.add(key)
  }
  for (const payment of ledger.all())
    if (byWallet(payment) && !settled.has(payment.hash.toString('hex')))
      faults.push(`${name(payment)}: ${payment.step} in the ledger, not settled by the wallet`)
}

function settledHashTwice(payment: Payment): string {
  return `${name(payment)}: the wallet has settled one hash twice`
}

function accountsOf(ledger: Ledger, consumed: ReadonlyMap<string, Msat>, faults: string[]): AccountBalance[] {
  const accounts: AccountBalance[] = []
  for (const { agreement, account } of ledger.accounts()) {
    if (account.twice > 0)
      for (const payment of ledger.settledTwice(agreement))
        faults.push(`${name(payment)}: settled twice, on two hashes`)
    if (!account.role) continue // only direct payments and refunds
    const { paidMsat: paid, receivedMsat, inFlightMsat, refundedMsat: refunds } = account
    const role = account.role as PaymentRole
    const paidMsat = paid + receivedMsat + inFlightMsat
    const refundedMsat = refunds + ledger.creditOf(agreement)
    const consumedMsat = consumed.get(agreement.toString('hex')) ?? 0n
    const balanceMsat = paidMsat - refundedMsat - consumedMsat - inFlightMsat
    accounts.push({ agreement, role, paidMsat, refundedMsat, consumedMsat, inFlightMsat, balanceMsat })
    const short = shortKey(agreement)
    if (role === 'payee' && balanceMsat < -account.largestMsat)
      faults.push(
        `agreement ${short}: ${formatAmount(-balanceMsat)} of service is unpaid, more than one installment`
      )
    if (refundedMsat > paidMsat - inFlightMsat)
      faults.push(`agreement ${short}: ${formatAmount(refundedMsat)} were paid back, more than was paid`)
  }
  return accounts
}

type Sums = Omit<BalanceCheck, 'ok' | 'lines'>

function linesOf(
  check: Sums,
  sum: (of: (account: AccountBalance) => Msat, role: PaymentRole) => Msat
): string[] {
  const lines: string[] = []
  for (const role of ['payer', 'payee'] as const) {
    const accounts = check.accounts.filter(account => account.role === role)
    if (accounts.length === 0) continue
    const [did, left] = role === 'payer' ? ['paid', 'prepaid by us'] : ['received', 'prepaid to us']
    const part = (of: (account: AccountBalance) => Msat): string => formatAmount(sum(of, role))
    lines.push(
      `${did} ${part(a => a.paidMsat)} - refunded ${part(a => a.refundedMsat)} - consumed ` +
        `${part(a => a.consumedMsat)} - in flight ${part(a => a.inFlightMsat)} = ${part(a => a.balanceMsat)} ${left}`
    )
  }
  const { ledgerPaidMsat, ledgerReceivedMsat, walletPaidMsat, walletReceivedMsat, feesMsat, faults } = check
  lines.push(
    `ledger: ${formatAmount(ledgerPaidMsat)} out, ${formatAmount(ledgerReceivedMsat)} in; ` +
      `wallet: ${formatAmount(walletPaidMsat)} out, ${formatAmount(walletReceivedMsat)} in; fees ${formatAmount(feesMsat)}`
  )
  return [...lines, ...faults.map(fault => `FAULT: ${fault}`)]
}

function name({ kind, installment, agreement, issue, hash }: Payment): string {
  if (kind === 'direct') return `payment ${hash.toString('hex').slice(0, 8)}`
  const short = shortKey(agreement)
  return kind === 'refund'
    ? `refund of agreement ${short}`
    : `installment ${installment}.${issue} of agreement ${short}`
}
