import type { LedgerEntry } from '#spec'
import type { Msat } from '../../contracts/money/money.js'
import { STEP, isSettled } from './payment-state.js'
import type { PaymentStep } from './payment-state.js'

export { isSettled } from './payment-state.js'
export type { PaymentStep } from './payment-state.js'

export type PaymentRole = 'payer' | 'payee'

/**
 * The purpose of a payment. installment: of an agreement. refund: pays back what was prepaid and not served, as
 * installment 0. direct: `bushel wallet pay` and `invoice`; its `agreement` is the payment hash, its installment 0.
 */
export type PaymentKind = 'installment' | 'refund' | 'direct'

export interface Payment {
  agreement: Buffer
  role: PaymentRole
  kind: PaymentKind
  installment: number
  /** Number of the hash among those of its installment, from 0; both sides give up a hash before the next is issued. */
  issue: number
  /** Identity of the other side, 32 bytes; null when unknown. */
  peer: Buffer | null
  hash: Buffer
  msat: Msat
  step: PaymentStep
  /** When the last step was recorded, ms. */
  at: number
  /** Number of the ledger's entry with the last step: with the same number nothing has happened to the payment. */
  entry: number
  feeMsat: Msat
  preimage: Buffer | null
  /** The invoice; of a payment that no wallet made, the reason why it counts (`NOT_BY_WALLET`). Later steps keep it. */
  text: string
}

/** A step as it stands in an entry. */
export type RecordedStep = Omit<Payment, 'entry'>

/** A step to record; the ledger adds the time. */
export type PaymentDraft = Omit<RecordedStep, 'at'>

/** Texts of payments that count although our own wallet has not paid or received them. */
export const NOT_BY_WALLET = {
  /** The payee gave the preimage of a payment whose channel is gone. */
  learned: 'learned from the payee',
  /** By a counter that both have signed; our own records were restored from an older copy. */
  takenOver: 'taken over from a counter',
  /** Prefix of the agreement, in hex, whose debt has settled it. */
  credit: 'credit of '
} as const

/** True when our own wallet must have made or received the payment. */
export function byWallet({ step, text }: Pick<Payment, 'step' | 'text'>): boolean {
  const { learned, takenOver, credit } = NOT_BY_WALLET
  return isSettled(step) && text !== learned && text !== takenOver && !text.startsWith(credit)
}

/**
 * The fee of a payment as its step has it, msat: what the wallet has paid, or, while it is in flight, the most that it may
 * pay; 0 in every other step.
 */
export function feeIn(payment: Payment | PaymentDraft): Msat {
  const { step, feeMsat } = payment
  return step === STEP.sent || byWallet(payment) ? feeMsat : 0n
}

/** The label of a payment's invoice in the wallet, unique to its hash. */
export function intentId({
  agreement,
  kind,
  installment,
  issue
}: Pick<Payment, 'agreement' | 'kind' | 'installment' | 'issue'>): string {
  return `bushel/${agreement.toString('hex')}/${kind}/${installment}/${issue}`
}

/** The step of an entry. */
export function stepOf(entry: LedgerEntry): RecordedStep {
  return {
    agreement: entry.agreement,
    role: entry.role as PaymentRole,
    kind: (entry.kind as PaymentKind | null) ?? 'installment',
    installment: entry.installment,
    issue: entry.issue ?? 0,
    peer: entry.peer ?? null,
    hash: entry.hash,
    msat: entry.msat,
    step: entry.type,
    at: entry.at,
    feeMsat: entry.feeMsat,
    preimage: entry.preimage ?? null,
    text: entry.text ?? ''
  }
}

/** The entry of a step; fields equal to those of the previous one are left out. */
export function entryOf(payment: RecordedStep, before: Payment | null): LedgerEntry {
  const { step, at, agreement, role, kind, installment, issue, peer, hash, msat, feeMsat, preimage, text } =
    payment
  const entry: LedgerEntry = { type: step, at, agreement, role, installment, hash, msat, feeMsat }
  if (kind !== 'installment') entry.kind = kind
  if (issue !== 0) entry.issue = issue
  if (peer && !before?.peer?.equals(peer)) entry.peer = peer
  if (preimage && !before?.preimage?.equals(preimage)) entry.preimage = preimage
  if (text && text !== before?.text) entry.text = text
  return entry
}
