import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ledger } from '../../../src/payment/ledger.js'
import { DEFAULT_LIMITS, SpendingLimits } from '../../../src/payment/limits.js'
import { STEP } from '../../../src/payment/payment-state.js'
import { folder } from '../../parts/folder.js'
import { storeIn } from '../../parts/store/store-in.js'
import { AGREEMENT, BUYER, OTHER, PROVIDER, bound, ends } from '../../parts/payment/ends.js'

test('a limit that would be exceeded is told with the amounts and how to raise it', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 3)
  const { limits } = payer.payments
  const told = (): string[] => {
    const { message, hint } = limits.faultOf({ msat: 5_000n, agreement: AGREEMENT, peer: PROVIDER })!
    return [message, hint]
  }
  payer.limits = { dealMsat: 4_999n }
  assert.match(told()[0]!, /^5 sat would be over the limit of 4\.999 sat a deal; nothing was paid$/)
  assert.match(told()[1]!, /limits --deal AMOUNT/)
  payer.limits = { dealMsat: null }
  await payer.payments.pay(AGREEMENT, 0)
  payer.limits = { dealMsat: 9_999n }
  assert.match(
    told()[0]!,
    /^5 sat, with 5\.007 sat paid on it before, would be over the limit of 9\.999 sat a deal;/
  )
  payer.limits = { dayMsat: 9_999n }
  assert.match(told()[0]!, /^5 sat, with 5\.007 sat paid in the last 24 hours, would be over .* a day;/)
  assert.match(told()[1]!, /limits --day AMOUNT/)
  payer.limits = { peerMsat: 9_999n }
  assert.match(told()[0]!, /^5 sat, with 5\.007 sat paid in the last 24 hours, would be over .* a peer;/)
  assert.match(told()[1]!, /limits --peer AMOUNT/)
})

test('a payment in flight counts against the limit of its agreement', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  payer.wallet.next = 'pend'
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), { code: 'PAYMENT_PENDING' })
  payer.limits = { dealMsat: 10_001n }
  const { limits } = payer.payments
  assert.equal(limits.faultOf({ msat: 5_001n, agreement: AGREEMENT }), null)
  assert.equal(limits.faultOf({ msat: 5_002n, agreement: AGREEMENT })?.code, 'OVER_LIMIT')
  assert.equal(limits.faultOf({ msat: 10_001n, agreement: OTHER }), null, 'another agreement')
})

test('a payment that is about to be sent counts against every limit until it is recorded or given up', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  const { limits } = payer.payments
  const [first] = payer.ledger.payments(AGREEMENT)
  const plan = { peer: PROVIDER, chargeMsat: 5_001n, aheadMsat: 5_001n }
  const over = (limit: 'dealMsat' | 'dayMsat' | 'peerMsat', peer = PROVIDER): (string | undefined)[] => {
    payer.limits = { [limit]: 10_000n }
    const spend = limits.faultOf({ msat: 5_001n, agreement: AGREEMENT, peer })
    return [spend?.code, limits.faultOfPlans([{ ...plan, peer }])?.code]
  }
  const none = [undefined, undefined]
  const release = limits.hold(first!)
  assert.deepEqual(over('dealMsat'), ['OVER_LIMIT', undefined], 'a plan is another agreement')
  assert.deepEqual(over('dayMsat'), ['OVER_LIMIT', 'OVER_LIMIT'])
  assert.deepEqual(over('peerMsat'), ['OVER_LIMIT', 'OVER_LIMIT'])
  assert.deepEqual(over('peerMsat', BUYER), none, 'another peer')
  release()
  assert.deepEqual(over('dayMsat'), none)
  assert.deepEqual(over('peerMsat'), none)
  // Once it is recorded as sent, it counts once.
  const held = limits.hold(first!)
  await payer.ledger.record({ ...first!, step: STEP.sent })
  payer.limits = { dealMsat: 10_001n, dayMsat: 10_001n, peerMsat: 10_001n }
  assert.equal(limits.faultOf({ msat: 5_001n, agreement: AGREEMENT, peer: PROVIDER }), null)
  assert.equal(limits.faultOfPlans([plan]), null)
  held()
})

test('a limit at the bounds is taken, and no limit is none', async t => {
  const ledger = new Ledger(storeIn(join(await folder(t), 'home')), 'ledger')
  const limits = new SpendingLimits({ ledger, real: true })
  assert.deepEqual(limits.settings, DEFAULT_LIMITS.real, 'without a store the defaults hold')
  const zero = { dealMsat: 0n, dayMsat: 0n, peerMsat: 0n, feePercent: 0, feeMinMsat: 0n }
  assert.deepEqual(await limits.set(zero), zero)
  assert.equal((await limits.set({ feePercent: 100 })).feePercent, 100)
  assert.equal((await limits.set({ dealMsat: null })).dealMsat, null)
  for (const bad of [{ dealMsat: -1n }, { peerMsat: -1n }, { feeMinMsat: -1n }])
    await assert.rejects(limits.set(bad), { code: 'BAD_INPUT', message: /below 0/ })
  await assert.rejects(limits.set({ feePercent: 100.5 }), { message: /'100.5' is not a percentage/ })
})

test('planned agreements over a limit are told with the limit that would be exceeded', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  await payer.payments.pay(AGREEMENT, 0)
  const plan = { peer: PROVIDER, chargeMsat: 9_000n, aheadMsat: 9_000n }
  const told = (limit: object, peer: Buffer | null = PROVIDER): string => {
    payer.limits = limit
    const { message, hint } = payer.payments.limits.faultOfPlans([{ ...plan, peer }])!
    return `${message}: ${hint}`
  }
  assert.match(
    told({ dealMsat: 8_000n }),
    /^9 sat would be over the limit of 8 sat a deal; .*limits --deal AMOUNT/
  )
  const before = /^9 sat, with 5\.007 sat paid in the last 24 hours, would be over the limit of 8 sat/
  assert.match(told({ dayMsat: 8_000n }), before)
  assert.match(told({ dayMsat: 8_000n }), / a day; .*limits --day AMOUNT/)
  assert.match(told({ peerMsat: 8_000n }), before)
  assert.match(told({ peerMsat: 8_000n }), / a peer; .*limits --peer AMOUNT/)
  assert.match(
    told({ peerMsat: 8_000n }, null),
    /^9 sat would be over the limit of 8 sat a peer; .*limits --peer AMOUNT/
  )
})

test('what is about to be sent is told with what was paid on an agreement before', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  await payer.payments.pay(AGREEMENT, 0)
  const { limits } = payer.payments
  const release = limits.hold(payer.ledger.payment(AGREEMENT, 1)!)
  payer.limits = { dealMsat: 10_001n }
  const fault = limits.faultOf({ msat: 1_000n, agreement: AGREEMENT })
  release()
  assert.match(fault!.message, /^1 sat, with 10\.008 sat paid on it before, would be over/)
})
