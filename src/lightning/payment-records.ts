/** State of a payment, by its hash. Only the wallet decides that a state is final, never a time-out. */
export type PaymentState =
  | { status: 'unknown' }
  /** orphaned: its channel was given up, so only the payee knows the outcome. */
  | { status: 'pending'; orphaned?: true }
  /**
   * passing: the next try may succeed, since a route or a node was missing. dead: the wallet can never pay this hash, and
   * has sent nothing.
   */
  | { status: 'failed'; reason: string; passing?: true; dead?: true }
  | { status: 'succeeded'; preimage: Buffer; feeMsat: bigint }

/** State of an invoice that this wallet issued. */
export type InvoiceState =
  | { status: 'unknown' }
  | { status: 'open' }
  | { status: 'refused' }
  | { status: 'settled'; receivedMsat: bigint; settledAt: number }

export interface InvoiceRequest {
  /** 32 bytes; the payment hash is its SHA-256. */
  preimage: Buffer
  msat: bigint
  description: string
  expirySeconds: number
  /** The ledger's id for the payment; the wallet has one invoice for each label. */
  label?: string
  /** Anybody may pay it, also a peer that this node has no dealings with. */
  forAnyone?: boolean
}

/** A payment in the wallet's own records. */
export interface WalletRecord {
  direction: 'sent' | 'received'
  paymentHash: Buffer
  /** Without the fee. */
  msat: bigint
  feeMsat: bigint
  preimage: Buffer | null
  /** Of received payments, only settled ones are listed. */
  status: 'pending' | 'succeeded' | 'failed'
  /** ms since 1970. */
  at: number
  /** Empty when the wallet does not store it. */
  description: string
}
