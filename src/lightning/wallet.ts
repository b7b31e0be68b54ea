import type { NoiseStream } from 'hyperdht'
import { LEAST_PAYMENT, MAX_LEAST_PAYMENT, least } from '../../contracts/money/money.js'
import type { Used } from '../base/bounds/bounds.js'
import type { Liquidity } from './liquidity.js'
import type { InvoiceRequest, InvoiceState, PaymentState, WalletRecord } from './payment-records.js'

export interface Balance {
  network: string
  /** Can be sent, msat: channel balances less reserves, plus the rest of a play money grant. */
  spendableMsat: bigint
  /** Can be received over the open channels, msat. */
  receivableMsat: bigint
}

/** Condition of a wallet's Lightning node. */
export interface WalletCondition {
  /** starting: calls wait, or are refused until the node is in sync. down: calls fail now; it restarts by itself. */
  state: 'working' | 'starting' | 'down'
  /** Why it does not work, or why its process was restarted. May be empty. */
  reason: string
}

/** How an amount is going to be paid. */
export interface ReachOptions {
  /** The payments that it consists of, msat; one by default. Each has a fee of its own. */
  amounts?: readonly bigint[]
  /** The highest accepted fee of a payment, msat. */
  maxFeeMsat?: (msat: bigint) => bigint
  /** An invoice of the payee: its hints may be the only way there. */
  invoice?: string
}

/** The least payment to state to a payer, msat; null when LEAST_PAYMENT does. */
export async function statedLeast(wallet: Pick<Wallet, 'leastReceivable'>): Promise<bigint | null> {
  const msat = least((await wallet.leastReceivable?.()) ?? 0n, MAX_LEAST_PAYMENT)
  return msat > LEAST_PAYMENT ? msat : null
}

/**
 * The port to a Lightning node. It knows nothing of the goods that a payment is for. A capability that only some wallets
 * have is an optional member: callers test for the member, not for the kind of wallet.
 * Events: `settled` (paymentHash: Buffer, msat: bigint) when an invoice of ours is paid and that is on disk. It is emitted
 * once and not repeated after a restart of the program: ask `invoice` for invoices that were open before.
 * `condition` (WalletCondition) when its state changes, `fault` (error) for what no caller hears of.
 */
export interface Wallet {
  /** Network id; two nodes deal only when theirs are equal. */
  readonly network: string
  /** Public key of the Lightning node, 33 bytes. */
  readonly nodeId: Buffer
  /** False for play money. A provider with a real wallet must have inbound capacity before the first buyer comes. */
  readonly real: boolean
  /** For display to the owner; a call that cannot be made fails by itself. */
  condition(): Promise<WalletCondition>
  balance(): Promise<Balance>
  liquidity(): Promise<Liquidity>
  /** Issues a BOLT11 invoice; durable when it resolves. The same preimage gives the same invoice again. */
  issue(request: InvoiceRequest): Promise<string>
  /** Makes every later payment on this hash fail. A settled invoice stays settled; the returned state says which. */
  refuse(paymentHash: Buffer): Promise<InvoiceState>
  invoice(paymentHash: Buffer): Promise<InvoiceState>
  /**
   * Ensures that `msat` more can be sent to the node; opens a channel when needed and possible. Takes at most `timeoutMs`.
   * Throws BushelError NO_BALANCE (exit 5) or NO_ROUTE (exit 5), which is also what too high a fee is.
   */
  reach(nodeId: Buffer, msat: bigint, timeoutMs: number, options?: ReachOptions): Promise<void>
  /**
   * `reach` of a wallet whose `reach` changes nothing, so that it can be asked before anything is agreed; resolves to the
   * fees to expect, msat.
   */
  foresee?(nodeId: Buffer, msat: bigint, timeoutMs: number, options?: ReachOptions): Promise<bigint>
  /**
   * Sends a payment and waits at most `timeoutMs` for its final state; resolves to `pending` when there is none by then.
   * A second call for the same hash never sends a second payment while the first is pending or succeeded; after
   * `failed` it sends again. Check the invoice first (`checkInvoice`).
   */
  pay(invoice: string, options: { maxFeeMsat: bigint; timeoutMs: number }): Promise<PaymentState>
  payment(paymentHash: Buffer): Promise<PaymentState>
  /** The wallet's own records since a time (ms since 1970), oldest first; all records by default. */
  history(options?: { since?: number }): Promise<WalletRecord[]>
  /** Whether `msat` can be received from that node, over an open channel or one that it can open. */
  canReceive(from: Buffer, msat: bigint): Promise<boolean>
  /** The least payment that every usable channel brings to us, msat. Absent: any amount. */
  leastReceivable?(): Promise<bigint>
  /**
   * Runs Lightning with a peer over an existing connection, beside other protocols, until either is closed. Only for
   * wallets whose channels are with Bushel peers.
   */
  link?(stream: NoiseStream): { close(): void }
  /**
   * Tells a wallet that has `link` with whom this node has dealings: an agreement that is not over, or money owed either
   * way. Only they may open channels to it, unless an invoice for anyone is open. Until it is called, everyone may.
   */
  knowPartners?(isPartner: (device: Buffer) => boolean): void
  /** How much of the bounds for strangers is used. */
  used?(): Promise<Used>
  /**
   * Gives up the channels with a node after this wallet was restored from an older copy. Call before `link` to that node.
   * `deltaMsat` is added to our last known balance: received since then less paid since then, by the co-signed counters.
   * A repeated `id` has no effect. Pending payments become orphaned; `resolve` ends them.
   */
  abandon?(nodeId: Buffer, options: { id: string; deltaMsat: bigint }): Promise<void>
  /** Ends an orphaned payment with the payee's answer: its preimage, or null when it will never be claimed. */
  resolve?(paymentHash: Buffer, preimage: Buffer | null): Promise<PaymentState>
  on(event: 'settled', listener: (paymentHash: Buffer, msat: bigint) => void): this
  off(event: 'settled', listener: (paymentHash: Buffer, msat: bigint) => void): this
}
