import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { InstallmentList } from '#spec'
import { checkInvoice } from '../../../src/lightning/invoice.js'
import type { Wallet } from '../../../src/lightning/wallet.js'
import { BUYER, INSTALLMENTS, PROVIDER } from '../../parts/payment/ends.js'
import { PaymentSide } from '../../parts/payment/payment-side.js'
import type { PaymentSettings } from '../../parts/payment/payment-side.js'
import { nullLogger } from '../../../src/base/logger.js'
import type { PaymentStep } from '../../../src/payment/payment-state.js'

/** The Lightning wallet of one side, and the faults that it can have. */
export interface Side {
  /** A new object after `reopen`. */
  readonly wallet: Wallet
  /** Payments to it get no answer until `release`. */
  hold(): Promise<void>
  release(): Promise<void>
  /** Kills its Lightning process before it returns; resolves when the process is started again. */
  crash(): Promise<void>
  close(): Promise<void>
  /** Opens the closed wallet again, with its peer connected. */
  reopen(): Promise<void>
}

/** Two wallets that pay one another. */
export interface Pair {
  payer: Side
  payee: Side
  close(): Promise<void>
}

/** One side: a wallet, and payments that are started on it. */
class SettledSide extends PaymentSide {
  readonly side: Side
  /** Added to the clock, ms. */
  ahead = 0

  constructor(side: Side, file: string, secret: number) {
    super(file, secret)
    this.side = side
  }

  override get wallet(): Wallet {
    return this.side.wallet
  }

  override now(): number {
    return Date.now() + this.ahead
  }

  get nodeId(): Buffer {
    return this.side.wallet.nodeId
  }

  protected override settings(): PaymentSettings {
    // A wallet that is killed is told of; what counts stands in the books.
    return { checkInvoice, log: nullLogger }
  }

  step(agreement: Buffer, installment: number): PaymentStep | undefined {
    return this.ledger.payment(agreement, installment)?.step
  }

  /** How often the wallet has a hash as paid or received. */
  async times(hash: Buffer): Promise<number> {
    const records = await this.side.wallet.history()
    return records.filter(({ paymentHash, status }) => status === 'succeeded' && paymentHash.equals(hash))
      .length
  }
}

export interface Options {
  /** The moments at which a step is hit by a crash: before it is on disk, and after. */
  moments?: ('ahead' | 'written')[]
}

const TIMEOUT = 20_000
const SHORT_MS = 500

/** The cases that every wallet backend must pass. */
export function settlement(
  open: () => Promise<Pair>,
  { moments = ['ahead', 'written'] }: Options = {}
): void {
  let pair: Pair
  let dir: string
  let payer: SettledSide
  let payee: SettledSide
  let agreements = 0

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'bushel-settle-'))
    pair = await open()
    payer = new SettledSide(pair.payer, join(dir, 'payer'), 1)
    payee = new SettledSide(pair.payee, join(dir, 'payee'), 2)
    await Promise.all([payer.start(), payee.start()])
  })

  after(async () => {
    await Promise.all([payer.payments.close(), payee.payments.close()])
    await pair.close()
    await rm(dir, { recursive: true })
  })

  const fresh = (): Buffer => Buffer.alloc(32, ++agreements)
  const hashOf = (agreement: Buffer, installment: number): Buffer =>
    payer.ledger.payment(agreement, installment)!.hash

  async function bound(agreement: Buffer, count: number, expirySeconds = 3600): Promise<InstallmentList> {
    const list = payee.payments.list(agreement, INSTALLMENTS.slice(0, count), 0)
    await payer.payments.intend(list, PROVIDER)
    await payer.payments.bind(list, await payee.payments.strip(list, expirySeconds, BUYER), payee.nodeId)
    return list
  }

  /** An agreement with this many installments, of which the first is paid and received. */
  async function begun(count: number): Promise<Buffer> {
    const agreement = fresh()
    await bound(agreement, count)
    await payer.payments.pay(agreement, 0)
    assert.ok(await payee.payments.wasReceived(agreement, 0, TIMEOUT))
    return agreement
  }

  /** Ledger and wallet agree to the msat on both sides, and nothing was settled twice. */
  async function addsUp(): Promise<void> {
    for (const { payments } of [payer, payee]) {
      assert.deepEqual((await payments.checkBalance()).faults, [])
      assert.deepEqual(payments.reconciler.faults, [])
    }
  }

  test('installments are paid and received once each, however often they are requested', async () => {
    const agreement = fresh()
    await bound(agreement, 3)
    for (const installment of [0, 1, 2]) {
      const all = await Promise.all([1, 2, 3].map(() => payer.payments.pay(agreement, installment)))
      for (const payment of all) assert.deepEqual(payment, all[0])
      assert.ok(await payee.payments.wasReceived(agreement, installment, TIMEOUT))
      assert.equal(await payer.times(hashOf(agreement, installment)), 1)
      assert.equal(await payee.times(hashOf(agreement, installment)), 1)
    }
    await payer.restart()
    assert.equal((await payer.payments.pay(agreement, 0)).step, 'paid')
    assert.equal(payer.ledger.totals(agreement).paidMsat, 15_003n)
    assert.equal(payee.ledger.totals(agreement).receivedMsat, 15_003n)
    await addsUp()
  })

  test('a pending payment is not made again, two pause the peer, and both reach their outcome', async () => {
    const agreement = fresh()
    await bound(agreement, 3)
    await pair.payee.hold()
    try {
      for (const installment of [0, 0, 1])
        await assert.rejects(payer.payments.pay(agreement, installment, SHORT_MS), {
          code: 'PAYMENT_PENDING'
        })
      await payer.restart()
      assert.equal(payer.step(agreement, 0), 'sent')
      await assert.rejects(payer.payments.pay(agreement, 0, SHORT_MS), { code: 'PAYMENT_PENDING' })
      await assert.rejects(payer.payments.pay(agreement, 2, SHORT_MS), { code: 'PAYMENT_PENDING' })
      assert.equal(payer.step(agreement, 2), 'bound')
      assert.equal(payer.ledger.totals(agreement).inFlightMsat, 10_001n)
      assert.equal(await payer.payments.voidable(agreement, 0), null, 'no hash is given up meanwhile')
    } finally {
      await pair.payee.release()
    }
    for (const installment of [0, 1, 2]) {
      assert.equal((await payer.payments.pay(agreement, installment, TIMEOUT)).step, 'paid')
      assert.equal(await payer.times(hashOf(agreement, installment)), 1)
    }
    assert.ok(await payee.payments.wasReceived(agreement, 2, TIMEOUT))
    await addsUp()
  })

  test('a refused hash can no longer be paid, and another one can', async () => {
    const agreement = fresh()
    await bound(agreement, 2)
    const old = (await payer.payments.voidable(agreement, 1))!
    const answer = await payee.payments.reissue({ agreement, installment: 1, hash: old.hash }, 3600)
    assert.ok('listed' in answer)
    await assert.rejects(payer.payments.pay(agreement, 1), { code: 'PAYMENT_FAILED' })
    assert.ok(await payer.payments.voidable(agreement, 1))
    await payer.payments.rebind(answer.listed, answer.invoice, payee.nodeId, agreement)
    assert.equal((await payer.payments.pay(agreement, 1)).issue, 1)
    assert.ok(await payee.payments.wasReceived(agreement, 1, TIMEOUT))
    assert.deepEqual([await payer.times(old.hash), await payee.times(old.hash)], [0, 0])
    await addsUp()
  })

  test('an expired invoice is not paid, and another one can be had', async () => {
    const agreement = fresh()
    await bound(agreement, 1, 60)
    payer.ahead = 61_000
    await assert.rejects(payer.payments.pay(agreement, 0), { code: 'INVOICE_EXPIRED', exit: 5 })
    assert.equal((await pair.payer.wallet.payment(hashOf(agreement, 0))).status, 'unknown')
    const old = (await payer.payments.voidable(agreement, 0))!
    const answer = await payee.payments.reissue({ agreement, installment: 0, hash: old.hash }, 3600)
    assert.ok('listed' in answer)
    await payer.payments.rebind(answer.listed, answer.invoice, payee.nodeId, agreement)
    assert.equal((await payer.payments.pay(agreement, 0)).step, 'paid')
    payer.ahead = 0
    await addsUp()
  })

  test('an installment refused at the end of an agreement can no longer be paid', async () => {
    const agreement = fresh()
    await bound(agreement, 2)
    await payer.payments.pay(agreement, 0)
    await payee.payments.refuseRest(agreement)
    await assert.rejects(payer.payments.pay(agreement, 1), { code: 'PAYMENT_FAILED' })
    assert.deepEqual([payee.step(agreement, 0), payee.step(agreement, 1)], ['received', 'refused'])
    await addsUp()
  })

  test('a refund is paid once, in the other direction', async () => {
    const agreement = await begun(1)
    const invoice = await payer.payments.refundInvoice(agreement, 2_000n, PROVIDER)
    assert.equal(await payer.payments.refundInvoice(agreement, 2_000n, PROVIDER), invoice)
    const received = once(payer.payments, 'received')
    const pay = (text: string): Promise<{ step: PaymentStep }> =>
      payee.payments.payRefund({ agreement, invoice: text, msat: 2_000n, payee: payer.nodeId, peer: BUYER })
    for (const payment of await Promise.all([pay(invoice), pay(invoice)])) assert.equal(payment.step, 'paid')
    await received
    await assert.rejects(payer.payments.refundInvoice(agreement, 2_000n, PROVIDER), { code: 'ALREADY_PAID' })
    const other = await payer.payments.issue(2_000n, 'another', 600)
    await assert.rejects(pay(other.invoice), { code: 'ALREADY_PAID' })
    assert.equal(payer.ledger.totals(agreement).refundedMsat, 2_000n)
    assert.equal(payee.ledger.totals(agreement).refundedMsat, 2_000n)
    await addsUp()
  })

  test('a credited installment is never paid', async () => {
    const [agreement, ended] = [fresh(), fresh()]
    await bound(agreement, 1)
    const invoice = payer.ledger.payment(agreement, 0)!.text
    for (const { payments } of [payer, payee])
      assert.equal((await payments.credited(agreement, 0, ended)).step, 'credited')
    assert.equal((await payer.payments.pay(agreement, 0)).step, 'credited')
    assert.equal((await pair.payer.wallet.payment(hashOf(agreement, 0))).status, 'unknown')
    // It could not be: its invoice is no longer accepted.
    const { status } = await pair.payer.wallet.pay(invoice, { maxFeeMsat: 0n, timeoutMs: TIMEOUT })
    assert.equal(status, 'failed')
    await addsUp()
  })

  test('a direct invoice is paid once, and one of our own or of an agreement is not', async () => {
    const agreement = fresh()
    await bound(agreement, 1)
    const { invoice, hash } = await payee.payments.issue(3_000n, 'a coffee', 600)
    await assert.rejects(payer.payments.payInvoice(invoice, { maxMsat: 2_999n }), { code: 'OVER_LIMIT' })
    const all = await Promise.all([1, 2, 3].map(() => payer.payments.payInvoice(invoice)))
    for (const { step } of all) assert.equal(step, 'paid')
    await assert.rejects(payer.payments.payInvoice(invoice), { code: 'ALREADY_PAID', exit: 5 })
    assert.equal(await payer.times(hash), 1)
    const refused = { code: 'INVOICE_REFUSED', exit: 5 }
    const own = await payer.payments.issue(3_000n, 'to ourselves', 600)
    await assert.rejects(payer.payments.payInvoice(own.invoice), refused)
    await assert.rejects(payer.payments.payInvoice(payer.ledger.payment(agreement, 0)!.text), refused)
    await addsUp()
  })

  test('a payee that lost its ledger finds the invoices that its wallet has', async () => {
    const agreement = fresh()
    const list = payee.payments.list(agreement, INSTALLMENTS.slice(0, 3), 0)
    await payee.copy(join(dir, 'payee-before'))
    const strip = await payee.payments.strip(list, 3600, BUYER)
    await payer.payments.intend(list, PROVIDER)
    await payer.payments.bind(list, strip, payee.nodeId)
    await payer.payments.pay(agreement, 0)
    await payee.payments.close()
    payee.home = join(dir, 'payee-before')
    await payee.start()
    assert.equal(payee.step(agreement, 0), undefined)
    assert.deepEqual(await payee.payments.strip(list, 3600, BUYER), strip)
    assert.ok(await payee.payments.wasReceived(agreement, 0, TIMEOUT))
    await addsUp()
  })

  test('a payer that lost the end of its ledger learns from the wallet what it has paid', async () => {
    const agreement = fresh()
    await bound(agreement, 3)
    await payer.copy(join(dir, 'payer-before'))
    for (const installment of [0, 1]) await payer.payments.pay(agreement, installment)
    await payer.payments.close()
    payer.home = join(dir, 'payer-before')
    await payer.start()
    assert.equal(payer.mended.length, 2, payer.mended.join('; '))
    assert.deepEqual(
      [0, 1, 2].map(installment => payer.step(agreement, installment)),
      ['paid', 'paid', 'bound']
    )
    for (const installment of [0, 1, 2]) {
      assert.equal((await payer.payments.pay(agreement, installment)).step, 'paid')
      assert.equal(await payer.times(hashOf(agreement, installment)), 1)
    }
    await addsUp()
  })

  test('a payment made while the payee’s node was down is received when it is back', async () => {
    const agreement = await begun(3)
    // The program that keeps the ledger stops while Lightning still takes the payment.
    await payee.payments.close()
    await payer.payments.pay(agreement, 1)
    await pair.payee.close()
    await pair.payee.reopen()
    await payee.start()
    assert.equal(payee.step(agreement, 1), 'received')
    await payer.payments.reach(payee.nodeId, 5_002n)
    const received = once(payee.payments, 'received')
    await payer.payments.pay(agreement, 2)
    const [{ installment }] = (await received) as [{ installment: number }]
    assert.equal(installment, 2, 'what was told before is not told again')
    await addsUp()
  })

  for (const role of ['payer', 'payee'] as const) {
    test(`an installment is paid once when the ${role}’s Lightning is killed at each step of its ledger`, async () => {
      const hit = new Set<string>()
      for (let crashAt = 0; ; crashAt++) {
        const agreement = fresh()
        let count = 0
        let crashed: Promise<void> | null = null
        const victim = role === 'payer' ? payer : payee
        const crashOnce = (payments: { step: string }[]): void => {
          if (count++ !== crashAt) return
          for (const { step } of payments) hit.add(step)
          crashed = pair[role].crash()
        }
        const { ledger } = victim
        for (const moment of moments) ledger.on(moment, crashOnce)
        for (let attempt = 1; ; attempt++) {
          try {
            await deal(agreement)
            break
          } catch (error) {
            if (!crashed || attempt === 20) throw error
            await (crashed as Promise<void>)
            await new Promise(resolve => setTimeout(resolve, 100)) // the peers reconnect
          }
        }
        for (const moment of moments) ledger.off(moment, crashOnce)
        if (!crashed) break
        await (crashed as Promise<void>)
        await victim.restart()
        assert.equal(await payer.times(hashOf(agreement, 0)), 1)
        assert.equal(await payee.times(hashOf(agreement, 0)), 1)
      }
      const steps = role === 'payer' ? ['intent', 'bound', 'sent', 'paid'] : ['listed', 'received']
      for (const step of steps) assert.ok(hit.has(step), `${step} was hit`)
      await addsUp()
    })
  }

  /**
   * All steps of an installment, from the list to the payee's statement; begun again, it resumes from the
   * disk.
   */
  async function deal(agreement: Buffer): Promise<void> {
    await bound(agreement, 1)
    const payment = await payer.payments.pay(agreement, 0, TIMEOUT)
    payer.payments.applied(payment)
    if (!(await payee.payments.wasReceived(agreement, 0, TIMEOUT))) assert.fail('it is not received')
    payee.payments.applied(payee.ledger.payment(agreement, 0)!)
    await Promise.all([payer.ledger.flush(), payee.ledger.flush()])
  }
}
