import type { NoiseStream } from 'hyperdht'

/** What became of a payment, asked by its hash. Only the wallet's own final word counts, never a time-out. */
export type PaymentState =
  | { status: 'unknown' }
  /** orphaned: its channel was given up, and only the payee can tell what became of it. */
  | { status: 'pending'; orphaned?: true }
  | { status: 'failed'; reason: string }
  | { status: 'succeeded'; preimage: Buffer; feeMsat: bigint }

/** What became of an invoice that this wallet issued. */
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
  /** The ledger's id of what is paid for: the same label names the same invoice in the wallet. */
  label?: string
}

/** A payment as the wallet's own records have it. */
export interface WalletRecord {
  direction: 'sent' | 'received'
  paymentHash: Buffer
  /** Without the fee. */
  msat: bigint
  feeMsat: bigint
  preimage: Buffer | null
  /** Of what was received only what has settled stands here. */
  status: 'pending' | 'succeeded' | 'failed'
  /** ms since 1970. */
  at: number
  /** Empty where the wallet does not keep it. */
  description: string
}

export interface Balance {
  network: string
  /** What can be sent, in msat: channels less their reserves, and what is left of a grant. */
  spendableMsat: bigint
  /** What can be received over the channels that are open now, in msat. */
  receivableMsat: bigint
}

/** How the Lightning node of a wallet stands. */
export interface WalletCondition {
  /** starting: calls wait, or are refused until it is in step. down: calls fail now, and it comes back by itself. */
  state: 'working' | 'starting' | 'down'
  /** Why it does not work; of a process that was started again, why it ended. Empty where there is nothing to say. */
  reason: string
}

/**
 * The port to a Lightning node. It knows nothing of what is being paid for. What only some wallets can do is an optional
 * member: a caller asks for that, never for the kind of wallet.
 * Events: `settled` (paymentHash: Buffer, msat: bigint) when an invoice of ours is paid, after it is durable. It is told
 * once, and not again after a restart of the program: ask `invoice` for those that were open before.
 */
export interface Wallet {
  /** Network id; two nodes deal only when theirs are equal. */
  readonly network: string
  /** Public key of the Lightning node, 33 bytes. */
  readonly nodeId: Buffer
  /** False for play money: whoever sells for real sats must be able to receive them before the first buyer comes. */
  readonly real: boolean
  /** For the owner; a call tells for itself whether it can be made. */
  condition(): Promise<WalletCondition>
  balance(): Promise<Balance>
  /** Issues a BOLT11 invoice; durable when it resolves. The same preimage gives the same invoice again. */
  issue(request: InvoiceRequest): Promise<string>
  /** From now on a payment on this hash is failed; an invoice already settled stays so (the state tells). */
  refuse(paymentHash: Buffer): Promise<InvoiceState>
  invoice(paymentHash: Buffer): Promise<InvoiceState>
  /**
   * Makes sure that `msat` more can be sent to the node, opening a channel when needed and possible, in at most `timeoutMs`.
   * Throws BushelError NO_BALANCE (exit 5) or NO_ROUTE (exit 5).
   */
  reach(nodeId: Buffer, msat: bigint, timeoutMs: number): Promise<void>
  /**
   * Sends a payment and waits at most `timeoutMs` for its final state; still under way it resolves to `pending`.
   * A second call for the same hash never sends a second payment while the first is pending or succeeded; after
   * `failed` it sends again. Check the invoice first (`checkInvoice`).
   */
  pay(invoice: string, options: { maxFeeMsat: bigint; timeoutMs: number }): Promise<PaymentState>
  payment(paymentHash: Buffer): Promise<PaymentState>
  /** The wallet's own records since a time (ms since 1970), oldest first; of all times by default. */
  history(options?: { since?: number }): Promise<WalletRecord[]>
  /** Can so much be received from that node, now or over a channel that it can open? */
  canReceive(from: Buffer, msat: bigint): Promise<boolean>
  /**
   * Speaks Lightning with the peer at the other end of a connection, beside everything else that goes over it, until
   * either is closed. Only a wallet whose channels are with our own peers can.
   */
  link?(stream: NoiseStream): { close(): void }
  /**
   * Gives up the channels with a node, because this wallet is an older copy of itself; before it is linked to that
   * node. `deltaMsat` is added to our last known balance: what was received since, less what was paid, by what both
   * have signed. The same `id` counts once. Payments that were under way are orphaned, and end by `resolve`.
   */
  abandon?(nodeId: Buffer, options: { id: string; deltaMsat: bigint }): Promise<void>
  /** The payee's word on an orphaned payment: its preimage, or null when it was not claimed and never will be. */
  resolve?(paymentHash: Buffer, preimage: Buffer | null): Promise<PaymentState>
  on(event: 'settled', listener: (paymentHash: Buffer, msat: bigint) => void): this
  off(event: 'settled', listener: (paymentHash: Buffer, msat: bigint) => void): this
}
