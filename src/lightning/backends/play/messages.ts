import type { BushelErrorShape } from '../../../../contracts/errors/error.js'
import type { InvoiceRequest, InvoiceState, PaymentState, WalletRecord } from '../../payment-records.js'
import type { Liquidity } from '../../liquidity.js'
import type { Balance } from '../../wallet.js'

/**
 * The calls of the Lightning process. Every call is idempotent, so the parent can repeat it after the process died. A
 * call that the process died of is not repeated.
 */
export interface WalletCalls {
  balance(): Balance
  liquidity(): Liquidity
  issue(request: InvoiceRequest): string
  refuse(paymentHash: Buffer): InvoiceState
  invoice(paymentHash: Buffer): InvoiceState
  reach(nodeId: Buffer, msat: bigint, timeoutMs: number): void
  /**
   * Answers with the state after sending; a `payment` message follows when the state is final. While the payee's channel
   * is being re-established, waits at most `timeoutMs` before sending.
   */
  pay(invoice: string, maxFeeMsat: bigint, timeoutMs: number): PaymentReport
  payment(paymentHash: Buffer): PaymentReport
  /** One page of records since a time, from index `from` on, and the index of the next page. */
  history(since: number, from: number): { records: WalletRecord[]; next: number | null }
  canReceive(from: Buffer, msat: bigint): boolean
  abandon(nodeId: Buffer, id: string, deltaMsat: bigint): void
  unused(): UnusedChannels
  /** Closes the channels of these devices over which nothing was ever paid. */
  closeUnused(devices: Buffer[]): void
  /** Ends an orphaned payment with the payee's answer: its preimage, or null when it will never be claimed. */
  resolve(paymentHash: Buffer, preimage: Buffer | null): PaymentReport
}

/** The channels of other nodes over which nothing was paid: how many, and the devices that opened them. */
export interface UnusedChannels {
  count: number
  devices: Buffer[]
}

/** The state of a payment and the number of the attempt that it belongs to: from 1, 0 for none. */
export interface PaymentReport {
  state: PaymentState
  attempt: number
}

export type CallName = keyof WalletCalls
export type WalletCall = { [N in CallName]: { name: N; args: Parameters<WalletCalls[N]> } }[CallName]

export type ToChild =
  | { type: 'open'; dir: string; grantMsat: bigint; settledAfter: number | null }
  | { type: 'call'; id: number; call: WalletCall }
  | { type: 'attach'; conn: number; nodeId: Buffer; outbound: boolean; owner: Buffer | null }
  | { type: 'data'; conn: number; bytes: Buffer }
  | { type: 'ack'; conn: number; size: number }
  | { type: 'detach'; conn: number }
  /** Answers `opening`. */
  | { type: 'opened'; id: number; allowed: boolean }
  | { type: 'close' }

export type FromChild =
  | { type: 'ready'; nodeId: Buffer; settledOrder: number }
  | { type: 'answer'; id: number; value: unknown }
  | { type: 'refusal'; id: number; error: BushelErrorShape }
  | { type: 'settled'; order: number; paymentHash: Buffer; msat: bigint }
  | { type: 'payment'; paymentHash: Buffer; report: PaymentReport }
  | { type: 'data'; conn: number; bytes: Buffer }
  | { type: 'ack'; conn: number; size: number }
  | { type: 'closed'; conn: number }
  /** A device wants to open a channel; null: its device is not known. */
  | { type: 'opening'; id: number; device: Buffer | null }
  /**
   * The last message of a process that ends itself: `final` when a restart cannot help, and the calls that it worked on
   * when it failed.
   */
  | { type: 'fatal'; reason: string; error: BushelErrorShape; final: boolean; calls: number[] }

/** Most unacknowledged bytes of one connection between the two processes, in each direction. */
export const WINDOW = 256 * 1024

/** Bytes after which received data is acknowledged. */
export const ACK_STEP = WINDOW / 4
