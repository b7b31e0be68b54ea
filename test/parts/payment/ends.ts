import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { InstallmentList } from '#spec'
import type { Installment } from '../../../contracts/money/installments.js'
import type { Ledger, PaymentDraft } from '../../../src/payment/ledger.js'
import { SpendingLimits } from '../../../src/payment/limits.js'
import type { SpendingSettings } from '../../../src/payment/limits.js'
import { folder } from '../folder.js'
import { FakeWallet, checkInvoice, readInvoice } from '../../doubles/fake-wallet.js'
import { PaymentSide } from './payment-side.js'
import type { PaymentSettings } from './payment-side.js'
import { faultLog } from '../../doubles/fault-log.js'
import { STEP } from '../../../src/payment/payment-state.js'
import type { PaymentStep } from '../../../src/payment/payment-state.js'

export const AGREEMENT = Buffer.alloc(32, 1)
export const OTHER = Buffer.alloc(32, 2)
/** Identities of the two ends. */
export const BUYER = Buffer.alloc(32, 11)
export const PROVIDER = Buffer.alloc(32, 12)
export const INSTALLMENTS: Installment[] = Array.from({ length: 100 }, (_, i) => ({
  number: i,
  start: i,
  end: i + 1,
  msat: 5_000n + BigInt(i)
}))

/** One end of payments between fake wallets. */
export class End extends PaymentSide {
  readonly wallet: FakeWallet
  readonly faults: unknown[] = []
  limits: Partial<SpendingSettings> = {}
  override now: () => number = Date.now

  constructor(wallet: FakeWallet, home: string, secret: number) {
    super(home, secret)
    this.wallet = wallet
  }

  protected override settings(ledger: Ledger, now: () => number): PaymentSettings {
    const limits = new SpendingLimits({ ledger, real: false, now, records: recordsOf(this) })
    return { checkInvoice, readInvoice, limits, log: faultLog(error => this.faults.push(error)) }
  }

  step(installment: number): PaymentStep | undefined {
    return this.ledger.payment(AGREEMENT, installment)?.step
  }
}

/** Records with the limits that a test sets. */
function recordsOf(end: End): { get: () => Buffer | null; set: () => Promise<void> } {
  const text = (value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)
  return {
    get: () => {
      const none = { dealMsat: null, dayMsat: null, peerMsat: null, feePercent: 1, feeMinMsat: 5_000n }
      return Buffer.from(JSON.stringify({ ...none, ...end.limits }, (_, value: unknown) => text(value)))
    },
    set: () => assert.fail('nothing is set here')
  }
}

export async function ends(t: TestContext): Promise<{ payer: End; payee: End; dir: string }> {
  const dir = await folder(t)
  const payer = new End(new FakeWallet(3), join(dir, 'payer'), 1)
  const payee = new End(new FakeWallet(4), join(dir, 'payee'), 2)
  payer.wallet.peer = payee.wallet
  payee.wallet.peer = payer.wallet
  await payer.start()
  await payee.start()
  t.after(async () => {
    await Promise.all([payer.payments.close(), payee.payments.close()])
    await Promise.all([payer.stop(), payee.stop()])
  })
  return { payer, payee, dir }
}

/** A strip of `count` installments, issued on one side and bound on the other. */
export async function bound(
  payer: End,
  payee: End,
  count = 4,
  agreement: Buffer = AGREEMENT,
  expirySeconds = 3600
): Promise<InstallmentList> {
  const list = payee.payments.list(agreement, INSTALLMENTS.slice(0, count), 0)
  await payer.payments.intend(list, PROVIDER)
  const strip = await payee.payments.strip(list, expirySeconds, BUYER)
  await payer.payments.bind(list, strip, payee.wallet.nodeId)
  return list
}

export const hashOf = (payer: End, installment: number): Buffer =>
  payer.ledger.payment(AGREEMENT, installment)!.hash

/** A step of an installment that the payer records. */
export function draft(installment: number, more: Partial<PaymentDraft> = {}): PaymentDraft {
  return {
    agreement: AGREEMENT,
    role: 'payer',
    kind: 'installment',
    installment,
    issue: 0,
    peer: PROVIDER,
    hash: Buffer.alloc(32, 100 + installment),
    msat: 5_000n,
    step: STEP.bound,
    feeMsat: 0n,
    preimage: null,
    text: 'lnbcrt',
    ...more
  }
}
