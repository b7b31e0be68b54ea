import { after, before, test } from 'node:test'
import { Gate } from './gate.js'
import type { Arrow } from './orders.js'

type Short = [who: 'buyer' | 'provider', kind: Arrow['kind'], role: Arrow['role'], step: Arrow['step']]

/** Every arrow of the ledger, once for each role. */
const ARROWS: Short[] = [
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
/** Steps that only the wallet brings about: its process is killed there, too. */
const LIGHTNING = new Set(['sent', 'paid', 'listed', 'received'])
/** Killed just before the step is on disk, too. */
const AHEAD = new Set(['sent', 'paid', 'received'])

let gate: Gate

before(async () => {
  gate = await Gate.open()
})

after(() => gate?.close())

for (const [who, kind, role, step] of ARROWS) {
  const arrow = { role, kind, step, skip: 0 }
  test(`the ${who} killed when ${step} (${kind}) stands on disk`, () =>
    gate.strike(gate[who], { ...arrow, phase: 'written', victim: 'self' }))
  if (AHEAD.has(step) && kind === 'installment')
    test(`the ${who} killed just before ${step} (${kind}) stands on disk`, () =>
      gate.strike(gate[who], { ...arrow, phase: 'ahead', victim: 'self', skip: 1 }))
  if (AHEAD.has(step))
    test(`both killed when the ${who}'s ${step} (${kind}) stands on disk`, () =>
      gate.strike(gate[who], { ...arrow, phase: 'written', victim: 'self' }, { both: true }))
  if (LIGHTNING.has(step))
    test(`the ${who}'s Lightning process killed when ${step} (${kind}) stands on disk`, () =>
      gate.strike(gate[who], { ...arrow, phase: 'written', victim: 'lightning' }))
}
