import type { LedgerEntry } from '#spec'
import type { Msat } from '../../contracts/money/money.js'

export type PaymentRole = 'payer' | 'payee'

/**
 * What a payment is for. installment: an installment of an agreement. refund: what was prepaid and not served, paid back; installment 0.
 * direct: `bushel wallet pay` and `invoice`; its `agreement` is the payment hash, installment 0.
 */
export type PaymentKind = 'installment' | 'refund' | 'direct'

/**
 * Steps of a payment, in order. Payer: intent (a listed hash), bound (a checked invoice for it), sent, then paid or
 * failed; a failed one may be sent again on the same hash, and void is a hash given up for a new issue. Payee: listed,
 * then received, or refused for good. Both, once it is settled: applied (the service knows of it), receipt (the other
 * side has acknowledged it). credited: an installment that a debt of the payee has settled; nothing moved in the wallet.
 */
export type PaymentStep =
  | 'intent'
  | 'bound'
  | 'sent'
  | 'paid'
  | 'failed'
  | 'void'
  | 'listed'
  | 'received'
  | 'refused'
  | 'credited'
  | 'applied'
  | 'receipt'

export interface Payment {
  agreement: Buffer
  role: PaymentRole
  kind: PaymentKind
  installment: number
  /** Counts the hashes of one installment, from 0; a new one only after the one before was given up by both. */
  issue: number
  /** Identity of the other side, 32 bytes, where it is known. */
  peer: Buffer | null
  hash: Buffer
  msat: Msat
  step: PaymentStep
  /** When the last step was recorded, ms. */
  at: number
  feeMsat: Msat
  preimage: Buffer | null
  /** The invoice, once there is one; of what no wallet paid (`NOT_BY_WALLET`), why it counts. A later step keeps it. */
  text: string
}

/** A step to be recorded; the ledger adds the time. */
export type PaymentDraft = Omit<Payment, 'at'>

const SETTLED: ReadonlySet<string> = new Set<PaymentStep>([
  'paid',
  'received',
  'credited',
  'applied',
  'receipt'
])

/** True when the payment counts as made (or received). */
export function isSettled(step: PaymentStep): boolean {
  return SETTLED.has(step)
}

/** Texts of payments that count although our own wallet has no record of them as paid. */
export const NOT_BY_WALLET = {
  /** The payee gave the preimage of a payment whose channel is gone. */
  learned: 'learned from the payee',
  /** A counter that both have signed says so; our own records were restored from an older copy. */
  takenOver: 'taken over from a counter',
  /** Followed by the agreement, in hex, of the debt that has settled it. */
  credit: 'credit of '
} as const

/** True for what our own wallet must have paid (or been paid). */
export function byWallet({ step, text }: Payment): boolean {
  const { learned, takenOver, credit } = NOT_BY_WALLET
  return isSettled(step) && text !== learned && text !== takenOver && !text.startsWith(credit)
}

/** Name of what is paid for, unique to one hash: the label of its invoice in the wallet. */
export function intentId({
  agreement,
  kind,
  installment,
  issue
}: Pick<Payment, 'agreement' | 'kind' | 'installment' | 'issue'>): string {
  return `bushel/${agreement.toString('hex')}/${kind}/${installment}/${issue}`
}

/** An entry of the journal as a payment. Entries of the first version are of installments, and have no issue. */
export function paymentOf(entry: LedgerEntry): Payment {
  return {
    agreement: entry.agreement,
    role: entry.role as PaymentRole,
    kind: (entry.kind as PaymentKind | null) ?? 'installment',
    installment: entry.installment,
    issue: entry.issue ?? 0,
    peer: entry.peer ?? null,
    hash: entry.hash,
    msat: entry.msat,
    step: entry.type as PaymentStep,
    at: entry.at,
    feeMsat: entry.feeMsat,
    preimage: entry.preimage ?? null,
    text: entry.text ?? ''
  }
}

/** An entry of the journal for a payment; what the entry before it had is not written again. */
export function entryOf(payment: Payment, before: Payment | null): LedgerEntry {
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
