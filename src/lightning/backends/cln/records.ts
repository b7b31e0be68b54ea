import { most } from '../../../../contracts/money/money.js'
import type { InvoiceState, PaymentState, WalletRecord } from '../../payment-records.js'
import { msatOf } from './answers.js'
import type { ListedInvoice, ListedPay } from './answers.js'

const RANK = { failed: 0, pending: 1, succeeded: 2 } as const
const STATUS = { failed: 'failed', pending: 'pending', complete: 'succeeded' } as const

/** State of an invoice in lightningd's list. */
export function invoiceState(invoice: ListedInvoice): InvoiceState {
  if (invoice.status !== 'paid') return { status: 'open' }
  const receivedMsat = msatOf(invoice.amount_received_msat)
  return { status: 'settled', receivedMsat, settledAt: (invoice.paid_at ?? 0) * 1000 }
}

/** State of a payment, from all entries that lightningd lists for its hash. */
export function paymentState(pays: readonly ListedPay[]): PaymentState {
  const complete = pays.find(({ status }) => status === 'complete')
  if (complete?.preimage)
    return { status: 'succeeded', preimage: Buffer.from(complete.preimage, 'hex'), feeMsat: feeOf(complete) }
  if (pays.some(({ status }) => status !== 'failed')) return { status: 'pending' }
  return pays.length > 0
    ? { status: 'failed', reason: 'Core Lightning gave the payment up' }
    : { status: 'unknown' }
}

/** Payments and paid invoices as the wallet's records, oldest first. */
export function walletRecords(
  pays: readonly ListedPay[],
  invoices: readonly ListedInvoice[],
  since: number
): WalletRecord[] {
  const received = invoices.filter(({ status }) => status === 'paid').map(receivedRecord)
  // A repeated payment has one entry per attempt; the one that succeeded counts.
  const sent = new Map<string, WalletRecord>()
  for (const record of pays.map(sentRecord)) {
    const key = record.paymentHash.toString('hex')
    const known = sent.get(key)
    if (!known || RANK[record.status] >= RANK[known.status]) sent.set(key, record)
  }
  return [...sent.values(), ...received].filter(({ at }) => at >= since).sort((a, b) => a.at - b.at)
}

function sentRecord(pay: ListedPay): WalletRecord {
  return {
    direction: 'sent',
    paymentHash: Buffer.from(pay.payment_hash, 'hex'),
    msat: msatOf(pay.amount_msat),
    feeMsat: pay.status === 'complete' ? feeOf(pay) : 0n,
    preimage: pay.preimage ? Buffer.from(pay.preimage, 'hex') : null,
    status: STATUS[pay.status],
    at: (pay.completed_at ?? pay.created_at) * 1000,
    description: pay.description ?? ''
  }
}

function receivedRecord(invoice: ListedInvoice): WalletRecord {
  return {
    direction: 'received',
    paymentHash: Buffer.from(invoice.payment_hash, 'hex'),
    msat: msatOf(invoice.amount_received_msat),
    feeMsat: 0n,
    preimage: invoice.payment_preimage ? Buffer.from(invoice.payment_preimage, 'hex') : null,
    status: 'succeeded',
    at: (invoice.paid_at ?? 0) * 1000,
    description: invoice.description ?? ''
  }
}

function feeOf(pay: ListedPay): bigint {
  return most(msatOf(pay.amount_sent_msat) - msatOf(pay.amount_msat), 0n)
}
