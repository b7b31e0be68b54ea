import { createHash } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { BushelError } from '../../contracts/errors/error.js'
import type { InvoiceCheck, InvoiceReader } from '../../src/lightning/invoice.js'
import type {
  InvoiceRequest,
  InvoiceState,
  PaymentState,
  WalletRecord
} from '../../src/lightning/payment-records.js'
import type { Liquidity } from '../../src/lightning/liquidity.js'
import type { Balance, Wallet, WalletCondition } from '../../src/lightning/wallet.js'
import { lightningId } from '../samples/people.js'

/** Starting balance, msat. */
const STARTING_BALANCE = 1_000_000_000n

interface Held {
  preimage: Buffer
  msat: bigint
  status: 'open' | 'refused' | 'settled'
  text: string
  label: string
}

interface Sent {
  state: PaymentState
  msat: bigint
  at: number
}

/**
 * A Lightning node in memory, as honest as a real one: it knows every invoice that it issued and every
 * payment that it was told to make, even after the node above it was killed. A test can set the outcome of
 * the next payments.
 */
export class FakeWallet extends EventEmitter implements Wallet {
  readonly network = 'play-1'
  readonly real = false
  readonly nodeId: Buffer
  readonly invoices = new Map<string, Held>()
  readonly payments = new Map<string, Sent>()
  /** Payments sent, by hash: a second one for a hash that had not failed would be a double payment. */
  readonly sent: string[] = []
  /** Number of questions about a single payment or invoice. */
  questions = 0
  /** Fee limits of the payments, msat. */
  readonly fees: bigint[] = []
  next: 'settle' | 'pend' | 'fail' | 'die-before' | 'die-after' | 'lie' = 'settle'
  now: () => number = Date.now
  /** Called when it is told to pay, before anything else. */
  onpay: (hash: Buffer) => Promise<void> = () => Promise.resolve()
  /** The other node, which is paid. */
  peer: FakeWallet | null = null
  /** Further nodes that it can pay. */
  readonly others: FakeWallet[] = []

  constructor(name: number) {
    super()
    this.nodeId = lightningId(name)
  }

  balance(): Promise<Balance> {
    return Promise.resolve({
      network: this.network,
      spendableMsat: STARTING_BALANCE,
      receivableMsat: STARTING_BALANCE
    })
  }

  liquidity(): Promise<Liquidity> {
    return Promise.resolve({ peers: [], largestMsat: STARTING_BALANCE, newChannelMsat: 0n })
  }

  condition(): Promise<WalletCondition> {
    return Promise.resolve({ state: 'working', reason: '' })
  }

  canReceive(): Promise<boolean> {
    return Promise.resolve(true)
  }

  issue(request: InvoiceRequest): Promise<string> {
    const { preimage, msat, description, expirySeconds, label = '' } = request
    const hash = createHash('sha256').update(preimage).digest('hex')
    const known = this.invoices.get(hash)
    if (known) return Promise.resolve(known.text)
    const expiry = this.now() + expirySeconds * 1000
    const text = [this.network, hash, msat, this.nodeId.toString('hex'), description, expiry].join('|')
    this.invoices.set(hash, { preimage, msat, status: 'open', text, label })
    return Promise.resolve(text)
  }

  refuse(hash: Buffer): Promise<InvoiceState> {
    const held = this.invoices.get(hash.toString('hex'))
    if (held?.status === 'open') held.status = 'refused'
    return Promise.resolve(stateOf(held))
  }

  invoice(hash: Buffer): Promise<InvoiceState> {
    this.questions++
    return Promise.resolve(stateOf(this.invoices.get(hash.toString('hex'))))
  }

  async reach(): Promise<void> {
    await Promise.resolve()
  }

  async pay(invoice: string, { maxFeeMsat }: { maxFeeMsat: bigint }): Promise<PaymentState> {
    const [, hash, msat] = invoice.split('|') as [string, string, string]
    await this.onpay(Buffer.from(hash, 'hex'))
    const known = this.payments.get(hash)?.state
    if (known && known.status !== 'failed') return known
    if (this.next === 'die-before') throw new Error('the wallet died')
    this.sent.push(hash)
    this.fees.push(maxFeeMsat)
    const state = this.#go(hash)
    this.payments.set(hash, { state, msat: BigInt(msat), at: this.now() })
    if (this.next === 'die-after') throw new Error('the wallet died')
    return state
  }

  payment(hash: Buffer): Promise<PaymentState> {
    this.questions++
    return Promise.resolve(this.payments.get(hash.toString('hex'))?.state ?? { status: 'unknown' })
  }

  /** Payments made from `since` on; of those received the time is not known, so all are there. */
  history({ since = 0 }: { since?: number } = {}): Promise<WalletRecord[]> {
    const records: WalletRecord[] = []
    for (const [hash, { state, msat, at }] of this.payments) {
      if (state.status === 'unknown' || at < since) continue
      const paid = state.status === 'succeeded'
      records.push({
        direction: 'sent',
        paymentHash: Buffer.from(hash, 'hex'),
        msat,
        feeMsat: paid ? state.feeMsat : 0n,
        preimage: paid ? state.preimage : null,
        status: state.status,
        at,
        description: ''
      })
    }
    for (const [hash, { preimage, msat, status }] of this.invoices) {
      if (status !== 'settled') continue
      const paymentHash = Buffer.from(hash, 'hex')
      records.push({
        direction: 'received',
        paymentHash,
        msat,
        feeMsat: 0n,
        preimage,
        status: 'succeeded',
        at: 0,
        description: ''
      })
    }
    return Promise.resolve(records)
  }

  /** Brings a pending payment to its outcome. */
  finish(hash: Buffer, how: 'settle' | 'fail'): void {
    const sent = this.payments.get(hash.toString('hex'))
    if (sent?.state.status !== 'pending') throw new Error('it is not pending')
    sent.state =
      how === 'fail' ? { status: 'failed', reason: 'no route' } : this.#settle(hash.toString('hex'))
  }

  #go(hash: string): PaymentState {
    if (this.next === 'pend') return { status: 'pending' }
    if (this.next === 'fail') return { status: 'failed', reason: 'no route' }
    if (this.next === 'lie') return { status: 'succeeded', preimage: Buffer.alloc(32), feeMsat: 0n }
    return this.#settle(hash)
  }

  #settle(hash: string): PaymentState {
    const payee = this.others.find(({ invoices }) => invoices.has(hash)) ?? this.peer!
    const held = payee.invoices.get(hash)!
    if (held.status === 'refused') return { status: 'failed', reason: 'refused' }
    held.status = 'settled'
    payee.emit('settled', Buffer.from(hash, 'hex'), held.msat)
    return { status: 'succeeded', preimage: held.preimage, feeMsat: 7n }
  }
}

function stateOf(held: Held | undefined): InvoiceState {
  if (!held) return { status: 'unknown' }
  return held.status === 'settled'
    ? { status: 'settled', receivedMsat: held.msat, settledAt: 0 }
    : { status: held.status }
}

/** The check of the invoices that a fake wallet writes. */
export const checkInvoice: InvoiceCheck = (invoice, expected) => {
  const { network, paymentHash, msat, payee, description } = expected
  const good = [network, paymentHash.toString('hex'), msat, payee.toString('hex'), description].join('|')
  const expiresAt = Number(invoice.slice(good.length + 1))
  if (!invoice.startsWith(good + '|')) throw new BushelError('INVOICE_REFUSED', 'not what was agreed')
  if (expiresAt <= expected.now) throw new BushelError('INVOICE_EXPIRED', 'it has expired')
  return { paymentHash, msat, payee, description, expiresAt }
}

/** Reads the invoices that a fake wallet writes. */
export const readInvoice: InvoiceReader = (invoice, network) => {
  const [on, hash, msat, payee, description, expiresAt] = invoice.split('|')
  if (on !== network) throw new BushelError('INVOICE_NETWORK', 'another network')
  return {
    paymentHash: Buffer.from(hash!, 'hex'),
    msat: msat ? BigInt(msat) : null,
    payee: Buffer.from(payee!, 'hex'),
    description: description!,
    expiresAt: Number(expiresAt)
  }
}
