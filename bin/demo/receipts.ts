import { createHash } from 'node:crypto'
import type { LeaseEntry, Receipt } from './answers.js'

/** A payment in the ledgers of both sides, with the preimage that proves it. */
export interface ProvenPayment {
  /** Number of the installment, from 1. */
  position: number
  msat: bigint
  hash: string
  preimage: string
}

function proves({ hash, preimage }: Receipt): boolean {
  return createHash('sha256').update(Buffer.from(preimage, 'hex')).digest('hex') === hash
}

/**
 * The proven payments of one lease: those that both the buyer's and the provider's ledger have with the same amount, and
 * with a preimage whose SHA-256 is the payment hash.
 */
export function provenPayments(bought: LeaseEntry, sold: LeaseEntry): ProvenPayment[] {
  const paid = new Map(bought.receipts.map(receipt => [receipt.hash, receipt]))
  return sold.receipts
    .filter(receipt => {
      const other = paid.get(receipt.hash)
      return proves(receipt) && other?.preimage === receipt.preimage && other.msat === receipt.msat
    })
    .map(({ installment, msat, hash, preimage }) => ({
      position: installment + 1,
      msat: BigInt(msat),
      hash,
      preimage
    }))
    .sort((a, b) => a.position - b.position)
}
