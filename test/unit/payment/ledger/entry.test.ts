import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STEP } from '../../../../src/payment/payment-state.js'
import { entryOf, stepOf } from '../../../../src/payment/payment.js'
import type { RecordedStep } from '../../../../src/payment/payment.js'
import { AGREEMENT, BUYER, PROVIDER, draft } from '../../../parts/payment/ends.js'

test('an entry holds of a step only what differs from the step before and from what is usual', () => {
  const step: RecordedStep = { ...draft(0, { step: STEP.sent }), at: 1 }
  const { hash } = step
  const short = { type: STEP.sent, at: 1, agreement: AGREEMENT, role: 'payer', installment: 0, hash }
  const least = { ...short, msat: 5_000n, feeMsat: 0n }
  const preimage = Buffer.alloc(32, 3)
  assert.deepEqual(entryOf(step, null), { ...least, peer: PROVIDER, text: 'lnbcrt' })
  assert.deepEqual(entryOf({ ...step, peer: null, text: '' }, null), least)
  const before = { ...step, preimage, entry: 7 }
  assert.deepEqual(entryOf({ ...step, preimage }, before), least)
  assert.deepEqual(entryOf({ ...step, peer: BUYER, text: 'another' }, before), {
    ...least,
    peer: BUYER,
    text: 'another'
  })
  const none = { ...before, peer: null, preimage: null, text: '' }
  const all = { ...step, kind: 'direct', issue: 2, preimage } as const
  const entry = entryOf(all, none)
  assert.deepEqual(entry, { ...least, kind: 'direct', issue: 2, peer: PROVIDER, preimage, text: 'lnbcrt' })
  assert.deepEqual(stepOf(entry), all)
})
