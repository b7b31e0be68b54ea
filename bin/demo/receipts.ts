import { createHash } from 'node:crypto'
import type { LeaseEntry, Receipt } from './answers.js'

/** A payment that both sides have in their books, with a preimage that proves it. */
export interface ProvenPayment {
  /** Counted from 1. */
  listed: number
  msat: bigint
  hash: string
  preimage: string
}

function proves({ hash, preimage }: Receipt): boolean {
  return createHash('sha256').update(Buffer.from(preimage, 'hex')).digest('hex') === hash
}

/**
 * The payments of one lease that hold: in the buyer's and in the provider's books alike, each with a preimage whose
 * SHA-256 is the payment's hash. Nobody's word is taken for any of them.
 */
export function provenPayments(bought: LeaseEntry, sold: LeaseEntry): ProvenPayment[] {
  const paid = new Map(bought.receipts.map(receipt => [receipt.hash, receipt]))
  return sold.receipts
    .filter(receipt => {
      const other = paid.get(receipt.hash)
      return proves(receipt) && other?.preimage === receipt.preimage && other.msat === receipt.msat
    })
    .map(({ installment, msat, hash, preimage }) => ({
      listed: installment + 1,
      msat: BigInt(msat),
      hash,
      preimage
    }))
    .sort((a, b) => a.listed - b.listed)
}
