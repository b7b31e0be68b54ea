import { after, before, test } from 'node:test'
import { KillHarness } from './kill-harness.js'
import type { KillPoint } from './trader-protocol.js'

type Short = [
  who: 'buyer' | 'provider',
  kind: KillPoint['kind'],
  role: KillPoint['role'],
  step: KillPoint['step']
]

/** Every step of the ledger, once for each role. */
const KILL_POINTS: Short[] = [
  ['buyer', 'installment', 'payer', 'intent'],
  ['buyer', 'installment', 'payer', 'bound'],
  ['buyer', 'installment', 'payer', 'sent'],
  ['buyer', 'installment', 'payer', 'paid'],
  ['buyer', 'installment', 'payer', 'applied'],
  ['buyer', 'installment', 'payer', 'receipt'],
  ['provider', 'installment', 'payee', 'listed'],
  ['provider', 'installment', 'payee', 'received'],
  ['provider', 'installment', 'payee', 'applied'],
  ['provider', 'installment', 'payee', 'receipt'],
  ['buyer', 'refund', 'payee', 'listed'],
  ['buyer', 'refund', 'payee', 'received'],
  ['provider', 'refund', 'payer', 'bound'],
  ['provider', 'refund', 'payer', 'sent'],
  ['provider', 'refund', 'payer', 'paid']
]
/** Steps that only the wallet causes: here its process is killed too. */
const LIGHTNING = new Set(['sent', 'paid', 'listed', 'received'])
/** Steps that are also killed just before they are on disk. */
const AHEAD = new Set(['sent', 'paid', 'received'])

let harness: KillHarness

before(async () => {
  harness = await KillHarness.open()
})

after(() => harness?.close())

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
