import type { BushelErrorShape } from '../../../../contracts/errors/error.js'
import type { Balance, InvoiceRequest, InvoiceState, PaymentState, WalletRecord } from '../../wallet.js'

/**
 * What can be asked of the Lightning process. Every call may be repeated after a restart and then gives the answer
 * that the first one would have given: that is what lets the parent ask again when the process has died. One that the
 * process died of is not repeated.
 */
export interface WalletCalls {
  balance(): Balance
  issue(request: InvoiceRequest): string
  refuse(paymentHash: Buffer): InvoiceState
  invoice(paymentHash: Buffer): InvoiceState
  reach(nodeId: Buffer, msat: bigint, timeoutMs: number): void
  /**
   * Answers with the state when it is sent, which is followed by a `payment` message when it is final. When the
   * payee's channel is being taken up again it waits for that, for as long as is given, before it sends.
   */
  pay(invoice: string, maxFeeMsat: bigint, timeoutMs: number): PaymentReport
  payment(paymentHash: Buffer): PaymentReport
  /** Up to a page of records from the `from`th on, since a time, and where the next page begins. */
  history(since: number, from: number): { records: WalletRecord[]; next: number | null }
  canReceive(from: Buffer, msat: bigint): boolean
  abandon(nodeId: Buffer, id: string, deltaMsat: bigint): void
  /** The payee's word on a payment whose channel is gone: its preimage, or null when it never will be claimed. */
  resolve(paymentHash: Buffer, preimage: Buffer | null): PaymentReport
}

/** The state of a payment, and which attempt to make it this is the state of: from 1, 0 for none. */
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
  /**
   * The last word of a process that ends itself: `final` when starting it again cannot help, and the calls that it
   * was at work on when it failed.
   */
  | { type: 'fatal'; reason: string; error: BushelErrorShape; final: boolean; calls: number[] }

/** Bytes of one connection that may be under way between the two processes, in each direction. */
export const WINDOW = 256 * 1024

/** What was taken is told of in steps of so many bytes. */
export const ACK_STEP = WINDOW / 4
