import { createHash } from 'node:crypto'
import * as ldk from '#ldk'
import { BushelError } from '../../../../../contracts/errors/error.js'
import type { InvoiceRequest, InvoiceState, PaymentState, WalletRecord } from '../../../payment-records.js'
import { most } from '../../../../../contracts/money/money.js'
import type { Channels } from './channels.js'
import { free, someU64 } from './ldk.js'
import type { FromChild, PaymentReport } from '../messages.js'
import type { PlayNode } from './node.js'
import type { InvoiceRecord, PaymentRecord } from '../log/records.js'

const ATTEMPTS = 3
/** Longest wait for a channel to be re-established before a payment is sent. */
const CHANNEL_WAIT_MS = 15_000
const MAX_DESCRIPTION_BYTES = 639
/** Records in one answer. */
const PAGE = 500
const MAX_MSAT = 21_000_000n * 100_000_000n * 1000n
const MAX_EXPIRY_SECONDS = 366 * 24 * 3600

/** Issues invoices, sends payments and records their outcomes. */
export class LdkPayments {
  readonly #node: PlayNode
  readonly #channels: Channels
  readonly #tell: (message: FromChild) => void
  /** Invoices that anybody may pay; those that are over are removed when they are looked at. */
  readonly #forAnyone = new Set<string>()
  #order = 0

  /** `tell` is called during a cycle and must hold each message back until the commit. */
  constructor(node: PlayNode, channels: Channels, tell: (message: FromChild) => void) {
    this.#node = node
    this.#channels = channels
    this.#tell = tell
    for (const [id, { order, anyoneUntil }] of node.store.invoices.entries()) {
      this.#order = Math.max(this.#order, order)
      if (anyoneUntil !== undefined) this.#forAnyone.add(id)
    }
  }

  /** Whether an invoice is open that anybody may pay. */
  get awaitsAnyone(): boolean {
    for (const id of this.#forAnyone) {
      const { status, anyoneUntil = 0 } = this.#node.store.invoices.get(id)!
      if (status === 'open' && anyoneUntil > Date.now()) return true
      this.#forAnyone.delete(id)
    }
    return false
  }

  /** Number of the latest settlement. */
  get order(): number {
    return this.#order
  }

  /** Repeats the `settled` messages after the given settlement number, in order. */
  resendSettled(after: number): void {
    const missed = [...this.#node.store.invoices.entries()].filter(([, { order }]) => order > after)
    missed.sort(([, a], [, b]) => a.order - b.order)
    for (const [id, record] of missed) this.#tellSettled(id, record)
  }

  issue({ preimage, msat, description, expirySeconds, forAnyone = false }: InvoiceRequest): string {
    if (preimage.length !== 32) throw new BushelError('BAD_INPUT', 'a preimage must have 32 bytes')
    if (msat <= 0n || msat > MAX_MSAT)
      throw new BushelError('BAD_INPUT', `${msat} msat is not a valid invoice amount`)
    if (Buffer.byteLength(description) > MAX_DESCRIPTION_BYTES) {
      throw new BushelError(
        'BAD_INPUT',
        `an invoice description must not exceed ${MAX_DESCRIPTION_BYTES} bytes`
      )
    }
    if (!Number.isInteger(expirySeconds) || expirySeconds <= 0 || expirySeconds > MAX_EXPIRY_SECONDS) {
      throw new BushelError('BAD_INPUT', `${expirySeconds} s is not a valid invoice expiry`)
    }
    const { store, engine } = this.#node
    const paymentHash = createHash('sha256').update(preimage).digest()
    const id = paymentHash.toString('hex')
    const known = store.invoices.get(id)
    if (known) {
      if (known.msat === msat && known.description === description) return known.bolt11
      throw new BushelError(
        'INVOICE_CONFLICT',
        'this preimage already has an invoice with another amount or description'
      )
    }
    this.#node.syncClock()
    const made = ldk.UtilMethods.constructor_create_invoice_from_channelmanager_with_payment_hash(
      engine.manager,
      ldk.Option_u64Z.constructor_some(msat),
      description,
      expirySeconds,
      paymentHash,
      ldk.Option_u16Z.constructor_none()
    )
    if (!(made instanceof ldk.Result_Bolt11InvoiceSignOrCreationErrorZ_OK)) {
      throw new BushelError('INVOICE_FAILED', 'the invoice could not be created; nothing was changed')
    }
    const bolt11 = made.res.to_str()
    free(made.res, 'Bolt11Invoice')
    store.invoices.set(id, {
      preimage,
      msat,
      description,
      bolt11,
      status: 'open',
      receivedMsat: 0n,
      settledAt: 0,
      order: 0,
      ...(forAnyone ? { anyoneUntil: Date.now() + expirySeconds * 1000 } : {})
    })
    if (forAnyone) this.#forAnyone.add(id)
    return bolt11
  }

  /** Refuses an open invoice. A hash without an invoice needs no refusal: payments on it fail anyway. */
  refuse(paymentHash: Buffer): InvoiceState {
    const id = paymentHash.toString('hex')
    const { invoices } = this.#node.store
    const record = invoices.get(id)
    if (record?.status === 'open') invoices.set(id, { ...record, status: 'refused' })
    return this.invoice(paymentHash)
  }

  invoice(paymentHash: Buffer): InvoiceState {
    const record = this.#node.store.invoices.get(paymentHash.toString('hex'))
    if (!record) return { status: 'unknown' }
    if (record.status !== 'settled') return { status: record.status }
    return { status: 'settled', receivedMsat: record.receivedMsat, settledAt: record.settledAt }
  }

  payment(paymentHash: Buffer): PaymentReport {
    const record = this.#node.store.payments.get(paymentHash.toString('hex'))
    if (!record) return { state: { status: 'unknown' }, attempt: 0 }
    if (!this.#orphaned(record)) return reportOf(record)
    return { state: { status: 'pending', orphaned: true }, attempt: record.attempt }
  }

  /** Whether a payment is pending on a closed channel. Without a chain only the payee knows the outcome. */
  #orphaned({ status, payee }: PaymentRecord): boolean {
    return status === 'pending' && payee !== undefined && !this.#channels.has(payee)
  }

  /** Ends an orphaned payment. Its closed channel credited the amount to us, so a claimed payment is debited here. */
  resolve(paymentHash: Buffer, preimage: Buffer | null): PaymentReport {
    const { store } = this.#node
    const record = store.payments.get(paymentHash.toString('hex'))
    if (!record || !this.#orphaned(record)) return this.payment(paymentHash)
    if (preimage) {
      if (!createHash('sha256').update(preimage).digest().equals(paymentHash))
        throw new BushelError('BAD_INPUT', 'this preimage does not match the payment hash')
      store.grantMsat = most(store.grantMsat - (record.msat ?? 0n), 0n)
      this.#conclude(paymentHash, { status: 'succeeded', preimage, feeMsat: 0n, reason: '' })
    } else {
      this.#conclude(paymentHash, {
        status: 'failed',
        preimage: null,
        feeMsat: 0n,
        reason: 'the payee did not claim it and never will'
      })
    }
    return this.payment(paymentHash)
  }

  history(since: number, from: number): { records: WalletRecord[]; next: number | null } {
    const records: WalletRecord[] = []
    let index = 0
    for (const record of this.#records()) {
      if (index++ < from) continue
      if (record.at >= since) records.push(record)
      if (records.length === PAGE) return { records, next: index }
    }
    return { records, next: null }
  }

  *#records(): Generator<WalletRecord> {
    const { payments, invoices } = this.#node.store
    for (const [id, { status, preimage, feeMsat, msat = 0n, at = 0 }] of payments.entries()) {
      const paymentHash = Buffer.from(id, 'hex')
      yield { direction: 'sent', paymentHash, msat, feeMsat, preimage, status, at, description: '' }
    }
    for (const [id, { status, preimage, receivedMsat, settledAt, description }] of invoices.entries()) {
      if (status !== 'settled') continue
      yield {
        direction: 'received',
        paymentHash: Buffer.from(id, 'hex'),
        msat: receivedMsat,
        feeMsat: 0n,
        preimage,
        status: 'succeeded',
        at: settledAt,
        description
      }
    }
  }

  /** The payment id is the payment hash, so that LDK itself refuses a second send. */
  async pay(invoice: string, maxFeeMsat: bigint, timeoutMs: number): Promise<PaymentReport> {
    const read = ldk.Bolt11Invoice.constructor_from_str(invoice)
    if (!(read instanceof ldk.Result_Bolt11InvoiceParseOrSemanticErrorZ_OK))
      throw refused('it cannot be decoded')
    const parsed = read.res
    try {
      if (parsed.currency() !== ldk.Currency.LDKCurrency_Regtest) throw refused('it is for another network')
      const paymentHash = Buffer.from(parsed.payment_hash())
      const known = this.#unfailed(paymentHash)
      if (known) return known
      const payee = Buffer.from(parsed.recover_payee_pub_key())
      await this.#channels.untilUsable(payee, Math.min(timeoutMs, CHANNEL_WAIT_MS))
      return this.#unfailed(paymentHash) ?? this.#send(parsed, { paymentHash, payee, maxFeeMsat })
    } finally {
      free(parsed, 'Bolt11Invoice')
    }
  }

  /** Returns true when it handled the event. */
  handle(event: ldk.Event): boolean {
    if (event instanceof ldk.Event_PaymentClaimable) this.#claim(event)
    else if (event instanceof ldk.Event_PaymentClaimed) this.#claimed(event)
    else if (event instanceof ldk.Event_PaymentSent) this.#sent(event)
    else if (event instanceof ldk.Event_PaymentFailed) this.#failed(event)
    else if (event instanceof ldk.Event_PendingHTLCsForwardable) this.#node.forwardsWaiting = true
    else return false
    return true
  }

  /** The state of a payment that is pending or succeeded and must not be sent again; or null. */
  #unfailed(paymentHash: Buffer): PaymentReport | null {
    const record = this.#node.store.payments.get(paymentHash.toString('hex'))
    return record && record.status !== 'failed' ? reportOf(record) : null
  }

  #send(
    invoice: ldk.Bolt11Invoice,
    { paymentHash, payee, maxFeeMsat }: { paymentHash: Buffer; payee: Buffer; maxFeeMsat: bigint }
  ): PaymentReport {
    const prepared = ldk.UtilMethods.constructor_payment_parameters_from_invoice(invoice)
    if (
      !(prepared instanceof ldk.Result_C3Tuple_ThirtyTwoBytesRecipientOnionFieldsRouteParametersZNoneZ_OK)
    ) {
      throw refused('it has no amount')
    }
    const route = prepared.res.get_c()
    route.set_max_total_routing_fee_msat(ldk.Option_u64Z.constructor_some(maxFeeMsat))
    const retry = ldk.Retry.constructor_attempts(ATTEMPTS)
    const { engine, store } = this.#node
    const { manager } = engine
    const attempt = (store.payments.get(paymentHash.toString('hex'))?.attempt ?? 0) + 1
    const what = {
      msat: someU64(invoice.amount_milli_satoshis()) ?? 0n,
      payee,
      at: Date.now()
    }
    this.#channels.using(payee)
    const sent = manager.send_payment(paymentHash, prepared.res.get_b(), paymentHash, route, retry)
    if (sent instanceof ldk.Result_NoneRetryableSendFailureZ_Err) {
      const reason = ldk.RetryableSendFailure[sent.err]?.replace(/^LDKRetryableSendFailure_/, '') ?? 'unknown'
      // A duplicate is pending in LDK although our record says otherwise: LDK is right.
      const status = reason === 'DuplicatePayment' ? 'pending' : 'failed'
      return this.#record(paymentHash, { attempt, status, preimage: null, feeMsat: 0n, reason, ...what })
    }
    return this.#record(paymentHash, {
      attempt,
      status: 'pending',
      preimage: null,
      feeMsat: 0n,
      reason: '',
      ...what
    })
  }

  #claim(event: ldk.Event_PaymentClaimable): void {
    const { manager } = this.#node.engine
    const record = this.#node.store.invoices.get(Buffer.from(event.payment_hash).toString('hex'))
    const amount = event.amount_msat
    if (record?.status === 'open' && amount >= record.msat && amount <= 2n * record.msat) {
      manager.claim_funds(record.preimage)
    } else manager.fail_htlc_backwards(event.payment_hash)
    this.#node.requestCycle()
  }

  #claimed(event: ldk.Event_PaymentClaimed): void {
    const id = Buffer.from(event.payment_hash).toString('hex')
    const { invoices } = this.#node.store
    const record = invoices.get(id)
    if (!record || record.status === 'settled') return
    const settled: InvoiceRecord = {
      ...record,
      status: 'settled',
      receivedMsat: event.amount_msat,
      settledAt: Date.now(),
      order: ++this.#order
    }
    invoices.set(id, settled)
    this.#tellSettled(id, settled)
  }

  #sent(event: ldk.Event_PaymentSent): void {
    const preimage = Buffer.from(event.payment_preimage)
    const feeMsat = someU64(event.fee_paid_msat) ?? 0n
    this.#conclude(Buffer.from(event.payment_hash), { status: 'succeeded', preimage, feeMsat, reason: '' })
  }

  #failed(event: ldk.Event_PaymentFailed): void {
    const paymentHash = Buffer.from(event.payment_id)
    if (this.#node.store.payments.get(paymentHash.toString('hex'))?.status === 'succeeded') return
    const why = event.reason
    const name =
      why instanceof ldk.Option_PaymentFailureReasonZ_Some ? ldk.PaymentFailureReason[why.some] : undefined
    const reason = name?.replace(/^LDKPaymentFailureReason_/, '') ?? 'unknown'
    this.#conclude(paymentHash, { status: 'failed', preimage: null, feeMsat: 0n, reason })
  }

  #conclude(paymentHash: Buffer, outcome: Omit<PaymentRecord, 'attempt'>): void {
    const known = this.#node.store.payments.get(paymentHash.toString('hex'))
    const record = { ...known, ...outcome, attempt: known?.attempt ?? 1 }
    this.#tell({ type: 'payment', paymentHash, report: this.#record(paymentHash, record) })
  }

  #record(paymentHash: Buffer, record: PaymentRecord): PaymentReport {
    this.#node.store.payments.set(paymentHash.toString('hex'), record)
    return reportOf(record)
  }

  #tellSettled(id: string, { order, receivedMsat }: InvoiceRecord): void {
    this.#tell({ type: 'settled', order, paymentHash: Buffer.from(id, 'hex'), msat: receivedMsat })
  }
}

function reportOf(record: PaymentRecord): PaymentReport {
  return { state: stateOf(record), attempt: record.attempt }
}

function stateOf({ status, preimage, feeMsat, reason }: PaymentRecord): PaymentState {
  if (status === 'succeeded' && preimage) return { status, preimage, feeMsat }
  return status === 'failed' ? { status, reason } : { status: 'pending' }
}

function refused(reason: string): BushelError {
  return new BushelError('INVOICE_REFUSED', `the invoice was refused: ${reason}; nothing was paid`)
}
