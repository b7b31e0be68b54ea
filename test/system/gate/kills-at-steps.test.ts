import { after, test } from 'node:test'
import { KillHarness } from '../../world/gate/kill-harness.js'
import type { KillPoint } from '../../world/gate/trader-protocol.js'
import { STEP } from '../../../src/payment/payment-state.js'

type Short = [
  who: 'buyer' | 'provider',
  kind: KillPoint['kind'],
  role: KillPoint['role'],
  step: KillPoint['step']
]

/** Every step of the ledger, once for each role. */
const KILL_POINTS: Short[] = [
  ['buyer', 'installment', 'payer', STEP.intent],
  ['buyer', 'installment', 'payer', STEP.bound],
  ['buyer', 'installment', 'payer', STEP.sent],
  ['buyer', 'installment', 'payer', STEP.paid],
  ['buyer', 'installment', 'payer', STEP.applied],
  ['buyer', 'installment', 'payer', STEP.receipt],
  ['provider', 'installment', 'payee', STEP.listed],
  ['provider', 'installment', 'payee', STEP.received],
  ['provider', 'installment', 'payee', STEP.applied],
  ['provider', 'installment', 'payee', STEP.receipt],
  ['buyer', 'refund', 'payee', STEP.listed],
  ['buyer', 'refund', 'payee', STEP.received],
  ['provider', 'refund', 'payer', STEP.bound],
  ['provider', 'refund', 'payer', STEP.sent],
  ['provider', 'refund', 'payer', STEP.paid]
]
/** Steps that only the wallet causes: here its process is killed too. */
const LIGHTNING = new Set([STEP.sent, STEP.paid, STEP.listed, STEP.received])
/** Steps that are also killed just before they are on disk. */
const AHEAD = new Set([STEP.sent, STEP.paid, STEP.received])

// Not in a hook: what a hook registers with `after` would end with the hook.
const harness = await KillHarness.open({ after })

for (const [who, kind, role, step] of KILL_POINTS) {
  const point = { role, kind, step, skip: 0 }
  test(`a deal survives the kill of the ${who} when ${step} (${kind}) is on disk`, () =>
    harness.dealWithKill(harness[who], { ...point, phase: 'written', victim: 'self' }))
  if (AHEAD.has(step) && kind === 'installment')
    test(`a deal survives the kill of the ${who} just before ${step} (${kind}) is on disk`, () =>
      harness.dealWithKill(harness[who], { ...point, phase: 'ahead', victim: 'self', skip: 1 }))
  if (AHEAD.has(step))
    test(`a deal survives the kill of both sides when the ${who}'s ${step} (${kind}) is on disk`, () =>
      harness.dealWithKill(harness[who], { ...point, phase: 'written', victim: 'self' }, { both: true }))
  if (LIGHTNING.has(step))
    test(`a deal survives the kill of the ${who}'s Lightning process when ${step} (${kind}) is on disk`, () =>
      harness.dealWithKill(harness[who], { ...point, phase: 'written', victim: 'lightning' }))
}
