import { after, before, test } from 'node:test'
import { Gate } from './gate.js'
import type { Arrow } from './orders.js'

type Short = [who: 'buyer' | 'provider', kind: Arrow['kind'], role: Arrow['role'], step: Arrow['step']]

/** Every step of the ledger, once for each role. */
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
/** Steps that only the wallet causes: here its process is killed too. */
const LIGHTNING = new Set(['sent', 'paid', 'listed', 'received'])
/** Steps that are also killed just before they are on disk. */
const AHEAD = new Set(['sent', 'paid', 'received'])

let gate: Gate

before(async () => {
  gate = await Gate.open()
})

after(() => gate?.close())

for (const [who, kind, role, step] of ARROWS) {
  const arrow = { role, kind, step, skip: 0 }
  test(`a deal survives the kill of the ${who} when ${step} (${kind}) is on disk`, () =>
    gate.strike(gate[who], { ...arrow, phase: 'written', victim: 'self' }))
  if (AHEAD.has(step) && kind === 'installment')
    test(`a deal survives the kill of the ${who} just before ${step} (${kind}) is on disk`, () =>
      gate.strike(gate[who], { ...arrow, phase: 'ahead', victim: 'self', skip: 1 }))
  if (AHEAD.has(step))
    test(`a deal survives the kill of both sides when the ${who}'s ${step} (${kind}) is on disk`, () =>
      gate.strike(gate[who], { ...arrow, phase: 'written', victim: 'self' }, { both: true }))
  if (LIGHTNING.has(step))
    test(`a deal survives the kill of the ${who}'s Lightning process when ${step} (${kind}) is on disk`, () =>
      gate.strike(gate[who], { ...arrow, phase: 'written', victim: 'lightning' }))
}
