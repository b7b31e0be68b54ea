export type PaymentState =
  | { status: 'unknown' }
  | { status: 'pending' }
  | { status: 'failed'; reason: string }
  | { status: 'succeeded'; preimage: Buffer; feeMsat: bigint }

/** A payment as the wallet's own records have it. */
export interface WalletRecord {
  direction: 'sent' | 'received'
  paymentHash: Buffer
  /** Without the fee. */
  msat: bigint
  feeMsat: bigint
  preimage: Buffer | null
  status: 'pending' | 'succeeded' | 'failed'
  /** ms since 1970. */
  at: number
}

/** What the payments needs of a Lightning wallet. */
export interface WalletPort {
  readonly network: string
  issue(request: {
    preimage: Buffer
    msat: bigint
    description: string
    expirySeconds: number
    label?: string
  }): Promise<string>
  refuse(hash: Buffer): Promise<{ status: string }>
  invoice(hash: Buffer): Promise<{ status: string; receivedMsat?: bigint }>
  reach(nodeId: Buffer, msat: bigint, timeoutMs: number): Promise<void>
  pay(invoice: string, options: { maxFeeMsat: bigint; timeoutMs: number }): Promise<PaymentState>
  payment(hash: Buffer): Promise<PaymentState>
  history(options?: { since?: number }): Promise<WalletRecord[]>
  on(event: 'settled', listener: (hash: Buffer, msat: bigint) => void): unknown
  off(event: 'settled', listener: (hash: Buffer, msat: bigint) => void): unknown
}

/** Checks an invoice against what was agreed; throws when it differs in anything. */
export type InvoiceCheck = (
  invoice: string,
  expected: {
    network: string
    paymentHash: Buffer
    msat: bigint
    payee: Buffer
    description: string
    now: number
  }
) => {
  /** ms since 1970. */
  expiresAt: number
}

/** What an invoice says, of whoever it is. */
export interface InvoiceReading {
  paymentHash: Buffer
  /** Null when it leaves the amount to the payer. */
  msat: bigint | null
  payee: Buffer
  description: string
  /** ms since 1970. */
  expiresAt: number
}

/** Reads an invoice for our network; throws INVOICE_NETWORK or INVOICE_REFUSED. */
export type InvoiceReader = (invoice: string, network: string) => InvoiceReading
