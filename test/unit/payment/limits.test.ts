import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { storeIn } from '../../parts/store/store-in.js'
import { Ledger } from '../../../src/payment/ledger.js'
import { PERIOD } from '../../../src/payment/ledger/spending.js'
import { DEFAULT_LIMITS, SpendingLimits, limitsIn } from '../../../src/payment/limits.js'
import type { LimitRecords, PlannedSpending, SpendingSettings } from '../../../src/payment/limits.js'
import { STEP } from '../../../src/payment/payment-state.js'
import { folder } from '../../parts/folder.js'
import { AGREEMENT, OTHER, PROVIDER, bound, ends } from '../../parts/payment/ends.js'

const OVER = { code: 'OVER_LIMIT', exit: 5 }

test('a payment over the limit of a deal, a day or a peer is never sent, and nothing of it is recorded', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  for (const limit of ['dealMsat', 'dayMsat', 'peerMsat'] as const) {
    payer.limits = { [limit]: 4_999n }
    await assert.rejects(payer.payments.pay(AGREEMENT, 0), OVER)
  }
  assert.deepEqual(payer.wallet.sent, [])
  assert.equal(payer.step(0), 'bound')
  payer.limits = { dealMsat: 10_008n, dayMsat: 10_008n, peerMsat: 10_008n } // a fee is 7 msat
  await payer.payments.pay(AGREEMENT, 0)
  await payer.payments.pay(AGREEMENT, 1)
  await assert.rejects(payer.payments.pay(AGREEMENT, 2), OVER)
  assert.equal(payer.wallet.sent.length, 2)
})

test('pending payments count, also after a restart, and failed ones do not', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  payer.limits = { dayMsat: 5_000n }
  payer.wallet.next = 'pend'
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), { code: 'PAYMENT_PENDING' })
  await payer.restart()
  payer.wallet.next = 'settle'
  payer.limits = { dayMsat: 10_000n }
  await assert.rejects(payer.payments.pay(AGREEMENT, 1), OVER)
  payer.wallet.finish(payer.ledger.payment(AGREEMENT, 0)!.hash, 'fail')
  await payer.payments.reconcile()
  assert.equal((await payer.payments.pay(AGREEMENT, 1)).step, 'paid')
})

test('payments requested at the same time do not pass a limit together', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  await bound(payer, payee, 2, OTHER)
  payer.limits = { dayMsat: 10_000n }
  const answers = await Promise.allSettled([
    payer.payments.pay(AGREEMENT, 0),
    payer.payments.pay(AGREEMENT, 1),
    payer.payments.pay(OTHER, 0),
    payer.payments.pay(OTHER, 1)
  ])
  const paid = answers
    .filter(answer => answer.status === 'fulfilled')
    .reduce((sum, { value }) => sum + value.msat + value.feeMsat, 0n)
  assert.ok(paid <= 10_000n, `${paid} msat`)
  assert.ok(paid > 0n)
  assert.equal(payer.ledger.spending.total(Date.now()), paid)
})

test('concurrent payments for one agreement or one peer do not pass its limit', async t => {
  for (const limit of ['dealMsat', 'peerMsat'] as const) {
    const { payer, payee } = await ends(t)
    await bound(payer, payee, 2)
    payer.limits = { [limit]: 5_001n }
    const answers = await Promise.allSettled(
      [0, 1].map(installment => payer.payments.pay(AGREEMENT, installment))
    )
    const reasons = answers.flatMap(answer =>
      answer.status === 'rejected' ? [answer.reason as unknown] : []
    )
    assert.equal(reasons.length, 1, limit)
    assert.equal((reasons[0] as { code: string }).code, 'OVER_LIMIT')
    assert.equal(payer.wallet.sent.length, 1)
  }
})

test('a day is the last 24 hours and at most half an hour more, and a peer is its identity, whatever it is paid for', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  await bound(payer, payee, 2, OTHER, 3 * 86_400)
  let now = Date.now()
  payer.now = () => now
  payer.limits = { peerMsat: 9_000n }
  await payer.payments.pay(AGREEMENT, 0)
  await assert.rejects(payer.payments.pay(OTHER, 0), OVER)
  now += 24 * 3_600_000 - 1
  payer.limits = { dayMsat: 9_000n }
  await assert.rejects(payer.payments.pay(OTHER, 0), OVER)
  await payer.restart()
  await assert.rejects(payer.payments.pay(OTHER, 0), OVER)
  now += 1 + PERIOD
  assert.equal((await payer.payments.pay(OTHER, 0)).step, 'paid')
})

test('the whole of an agreement is checked against the limits before it is signed', async t => {
  const { payer } = await ends(t)
  const { limits } = payer.payments
  payer.limits = { dealMsat: 100_000n }
  assert.equal(limits.faultOf({ msat: 100_000n, peer: PROVIDER }), null)
  assert.equal(limits.faultOf({ msat: 100_001n, peer: PROVIDER })?.code, 'OVER_LIMIT')
  payer.limits = { peerMsat: 100_000n }
  assert.equal(limits.faultOf({ msat: 100_001n, peer: PROVIDER })?.exit, 5)
})

test('a fee is at most 1 % or 5 sat, whichever is more, unless set otherwise', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  await payer.payments.pay(AGREEMENT, 0)
  payer.limits = { feePercent: 10, feeMinMsat: 100n }
  await payer.payments.pay(AGREEMENT, 1)
  assert.deepEqual(payer.wallet.fees, [5_000n, 500n])
  const { limits } = payer.payments
  payer.limits = {}
  assert.equal(limits.maxFeeMsat(10_000_000n), 100_000n)
  payer.limits = { feePercent: 0.25, feeMinMsat: 0n }
  assert.equal(limits.maxFeeMsat(1_000_000n), 2_500n)
})

test('limits are stored separately for play money and real sats, and real sats have some from the start', async t => {
  const dir = await folder(t)
  const store = storeIn(join(dir, 'store'))
  await store.ready()
  const ledger = new Ledger(store, 'ledger')
  const real = new SpendingLimits({ ledger, real: true, records: limitsIn(store) })
  assert.deepEqual(real.settings, DEFAULT_LIMITS.real)
  assert.deepEqual(
    new SpendingLimits({ ledger, real: false, records: limitsIn(store) }).settings,
    DEFAULT_LIMITS.play
  )
  await real.set({ dayMsat: 1_000n, feePercent: 0.5 })
  await real.set({ dealMsat: null })
  await store.close()
  const again = storeIn(join(dir, 'store'))
  await again.ready()
  t.after(() => again.close())
  const kept = new SpendingLimits({ ledger, real: true, records: limitsIn(again) })
  assert.deepEqual(kept.settings, {
    ...DEFAULT_LIMITS.real,
    dayMsat: 1_000n,
    dealMsat: null,
    feePercent: 0.5
  })
  assert.deepEqual(
    new SpendingLimits({ ledger, real: false, records: limitsIn(again) }).settings,
    DEFAULT_LIMITS.play
  )
  for (const bad of [{ dayMsat: -1n }, { feePercent: -1 }, { feePercent: 101 }, { feePercent: NaN }])
    await assert.rejects(kept.set(bad), { code: 'BAD_INPUT', exit: 2 })
})

test('planned agreements are checked against the limits before they are made, each whole and all prepayments together', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  await payer.payments.pay(AGREEMENT, 0) // 5000 msat, to PROVIDER
  const plan = (name: number, chargeMsat: bigint, aheadMsat = chargeMsat): PlannedSpending => ({
    peer: Buffer.alloc(32, name),
    chargeMsat,
    aheadMsat
  })
  const fault = (limits: Partial<SpendingSettings>, ...plans: PlannedSpending[]): string | null => {
    payer.limits = limits
    return payer.payments.limits.faultOfPlans(plans)?.code ?? null
  }
  // The deal limit: the whole amount, including later payments.
  assert.equal(fault({ dealMsat: 9_000n }, plan(1, 9_000n), plan(2, 9_000n)), null)
  assert.equal(fault({ dealMsat: 9_000n }, plan(1, 9_000n), plan(2, 9_001n, 1n)), 'OVER_LIMIT')
  // The day limit: the prepayments of all agreements, and earlier payments.
  assert.equal(fault({ dayMsat: 11_007n }, plan(1, 3_000n), plan(2, 90_000n, 3_000n)), null)
  assert.equal(fault({ dayMsat: 11_007n }, plan(1, 3_000n), plan(2, 90_000n, 3_001n)), 'OVER_LIMIT')
  // The peer limit: two agreements with it, and earlier payments to it.
  const own = { ...plan(0, 4_000n), peer: PROVIDER }
  assert.equal(fault({ peerMsat: 9_007n }, own, plan(1, 9_000n)), null)
  assert.equal(fault({ peerMsat: 9_000n }, own, { ...own, aheadMsat: 1n }), 'OVER_LIMIT')
  // Providers that are not known yet: each is another one, and nothing was paid to it.
  const unknown = { ...plan(0, 9_000n), peer: null }
  assert.equal(fault({ peerMsat: 9_000n }, unknown, unknown), null)
  assert.equal(fault({ peerMsat: 9_000n }, unknown, { ...unknown, aheadMsat: 9_001n }), 'OVER_LIMIT')
  assert.equal(fault({ dayMsat: 22_999n }, unknown, unknown), 'OVER_LIMIT')
  assert.equal(fault({}, plan(1, 10n ** 15n)), null)
})

test('the fees of real payments count against every limit, and of those in flight the most that they may be', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  const { ledger } = payer
  const set = (changes: Partial<SpendingSettings>): SpendingLimits =>
    new SpendingLimits({ ledger, real: true, records: fixed({ ...DEFAULT_LIMITS.real, ...changes }) })
  assert.equal(set({}).feesOf([5_000n, 1_000_000n]), 5_000n + 10_000n)
  const fault = (changes: Partial<SpendingSettings>, agreement = AGREEMENT): string | null =>
    set(changes).faultOf({ msat: 5_000n, agreement, peer: PROVIDER })?.code ?? null
  for (const limit of ['dealMsat', 'dayMsat', 'peerMsat'] as const) {
    assert.equal(fault({ [limit]: 10_000n }), null, 'and 5 sat of fee')
    assert.equal(fault({ [limit]: 9_999n }), 'OVER_LIMIT')
  }
  const [first] = ledger.payments(AGREEMENT)
  await ledger.record({ ...first!, step: STEP.sent, feeMsat: 5_000n })
  for (const limit of ['dealMsat', 'dayMsat', 'peerMsat'] as const) {
    assert.equal(fault({ [limit]: 20_000n }), null)
    assert.equal(fault({ [limit]: 19_999n }), 'OVER_LIMIT', 'one is in flight with its fee')
  }
  await ledger.record({ ...ledger.byHash(first!.hash)!, step: STEP.failed })
  assert.equal(fault({ dayMsat: 10_000n }, OTHER), null, 'a failed one costs nothing')
  assert.equal(ledger.byHash(first!.hash)!.feeMsat, 0n)
  const plan = { peer: null, chargeMsat: 9_000n, aheadMsat: 5_000n, feesMsat: 1_000n, aheadFeesMsat: 500n }
  assert.equal(set({ dealMsat: 10_000n, dayMsat: 5_500n }).faultOfPlans([plan]), null)
  assert.equal(set({ dealMsat: 9_999n }).faultOfPlans([plan])?.code, 'OVER_LIMIT')
  assert.equal(set({ dayMsat: 5_499n }).faultOfPlans([plan])?.code, 'OVER_LIMIT')
})

/** Settings as they are on disk. */
function fixed(settings: SpendingSettings): LimitRecords {
  const text = JSON.stringify(settings, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}` : value
  )
  return { get: () => Buffer.from(text), set: async () => undefined }
}
