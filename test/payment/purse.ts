import { createHash } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { InvoiceCheck, PaymentState, WalletPort } from '../../src/payment/teller.js'

interface Held {
  preimage: Buffer
  msat: bigint
  status: 'open' | 'refused' | 'settled'
}

/**
 * A Lightning node in memory, as honest as a real one: it knows every invoice that it issued and every payment that it
 * was told to make, also after the node above it was killed. How the next payments go can be set.
 */
export class Purse extends EventEmitter implements WalletPort {
  readonly network = 'play-1'
  readonly nodeId: Buffer
  readonly invoices = new Map<string, Held>()
  readonly payments = new Map<string, PaymentState>()
  /** Payments that left, by hash: more than one for a hash that was not failed would be paid twice. */
  readonly sent: string[] = []
  next: 'settle' | 'pend' | 'fail' | 'die-before' | 'die-after' | 'lie' = 'settle'
  /** Called when it is told to pay, before anything is done. */
  onpay: (hash: Buffer) => Promise<void> = () => Promise.resolve()
  /** The other node, which is paid. */
  peer: Purse | null = null

  constructor(name: number) {
    super()
    this.nodeId = Buffer.alloc(33, name)
  }

  issue(request: {
    preimage: Buffer
    msat: bigint
    description: string
    expirySeconds: number
  }): Promise<string> {
    const hash = createHash('sha256').update(request.preimage).digest('hex')
    if (!this.invoices.has(hash))
      this.invoices.set(hash, { preimage: request.preimage, msat: request.msat, status: 'open' })
    return Promise.resolve(
      [this.network, hash, request.msat, this.nodeId.toString('hex'), request.description].join('|')
    )
  }

  refuse(hash: Buffer): Promise<{ status: string }> {
    const held = this.invoices.get(hash.toString('hex'))
    if (!held) return Promise.resolve({ status: 'unknown' })
    if (held.status === 'open') held.status = 'refused'
    return Promise.resolve({ status: held.status })
  }

  invoice(hash: Buffer): Promise<{ status: string; receivedMsat?: bigint }> {
    const held = this.invoices.get(hash.toString('hex'))
    if (!held) return Promise.resolve({ status: 'unknown' })
    return Promise.resolve(
      held.status === 'settled' ? { status: 'settled', receivedMsat: held.msat } : { status: held.status }
    )
  }

  async reach(): Promise<void> {
    await Promise.resolve()
  }

  async pay(invoice: string): Promise<PaymentState> {
    const hash = invoice.split('|')[1]!
    await this.onpay(Buffer.from(hash, 'hex'))
    const known = this.payments.get(hash)
    if (known && known.status !== 'failed') return known
    if (this.next === 'die-before') throw new Error('the wallet died')
    this.sent.push(hash)
    const state = this.#go(hash)
    this.payments.set(hash, state)
    if (this.next === 'die-after') throw new Error('the wallet died')
    return state
  }

  payment(hash: Buffer): Promise<PaymentState> {
    return Promise.resolve(this.payments.get(hash.toString('hex')) ?? { status: 'unknown' })
  }

  /** What was pending comes to its end. */
  finish(hash: Buffer, how: 'settle' | 'fail'): void {
    const key = hash.toString('hex')
    if (this.payments.get(key)?.status !== 'pending') throw new Error('it is not pending')
    this.payments.set(key, how === 'fail' ? { status: 'failed', reason: 'no route' } : this.#settle(key))
  }

  #go(hash: string): PaymentState {
    if (this.next === 'pend') return { status: 'pending' }
    if (this.next === 'fail') return { status: 'failed', reason: 'no route' }
    if (this.next === 'lie') return { status: 'succeeded', preimage: Buffer.alloc(32), feeMsat: 0n }
    return this.#settle(hash)
  }

  #settle(hash: string): PaymentState {
    const held = this.peer!.invoices.get(hash)!
    if (held.status === 'refused') return { status: 'failed', reason: 'refused' }
    held.status = 'settled'
    this.peer!.emit('settled', Buffer.from(hash, 'hex'), held.msat)
    return { status: 'succeeded', preimage: held.preimage, feeMsat: 7n }
  }
}

/** The check of the invoices that a purse writes. */
export const checkInvoice: InvoiceCheck = (invoice, expected) => {
  const { network, paymentHash, msat, payee, description } = expected
  const good = [network, paymentHash.toString('hex'), msat, payee.toString('hex'), description].join('|')
  if (invoice !== good) throw Object.assign(new Error('not what was agreed'), { code: 'INVOICE_REFUSED' })
}
