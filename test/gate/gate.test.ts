import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Gate } from './gate.js'
import type { Arrow } from './orders.js'
import { sequence } from './seed.js'

const SEED = process.env['BUSHEL_GATE_SEED'] ?? randomBytes(4).toString('hex')
const KILLS = Number(process.env['BUSHEL_GATE_KILLS'] ?? 20)

type Short = [who: 'buyer' | 'provider', kind: Arrow['kind'], role: Arrow['role'], step: Arrow['step']]

/** Every arrow of the ledger, once for each role. */
const ARROWS: Short[] = [
  ['buyer', 'slice', 'payer', 'intent'],
  ['buyer', 'slice', 'payer', 'bound'],
  ['buyer', 'slice', 'payer', 'sent'],
  ['buyer', 'slice', 'payer', 'paid'],
  ['buyer', 'slice', 'payer', 'applied'],
  ['buyer', 'slice', 'payer', 'receipt'],
  ['provider', 'slice', 'payee', 'listed'],
  ['provider', 'slice', 'payee', 'received'],
  ['provider', 'slice', 'payee', 'applied'],
  ['provider', 'slice', 'payee', 'receipt'],
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
  if (AHEAD.has(step) && kind === 'slice')
    test(`the ${who} killed just before ${step} (${kind}) stands on disk`, () =>
      gate.strike(gate[who], { ...arrow, phase: 'ahead', victim: 'self', skip: 1 }))
  if (AHEAD.has(step))
    test(`both killed when the ${who}'s ${step} (${kind}) stands on disk`, () =>
      gate.strike(gate[who], { ...arrow, phase: 'written', victim: 'self' }, { both: true }))
  if (LIGHTNING.has(step))
    test(`the ${who}'s Lightning process killed when ${step} (${kind}) stands on disk`, () =>
      gate.strike(gate[who], { ...arrow, phase: 'written', victim: 'lightning' }))
}

test(`${KILLS} kills at random moments, of one side, its Lightning process, or both (seed ${SEED})`, async t => {
  t.diagnostic(`again with BUSHEL_GATE_SEED=${SEED} BUSHEL_GATE_KILLS=${KILLS}`)
  const random = sequence(SEED)
  const victims = { buyer: 0, provider: 0, both: 0, lightning: 0 }
  let kills = 0
  while (kills < KILLS) {
    const trading = gate.deal().then(lease => (random() < 0.3 ? gate.end(lease) : undefined))
    trading.catch(() => undefined) // awaited below
    let over = false
    const done = trading.finally(() => (over = true))
    done.catch(() => undefined) // the same
    for (let strikes = 0; !over && kills < KILLS; strikes++) {
      // Ever more rarely in one deal, so that it comes to its end on a slow machine, too.
      await Promise.race([pause(100 + random() * 900 * (1 + strikes / 4)), done])
      if (over) break
      const who = random()
      const side = random() < 0.5 ? gate.buyer : gate.provider
      if (who < 0.2) {
        if (!(await gate.persist(() => side.ask<boolean>({ do: 'kill-lightning' })))) continue
        victims.lightning++
      } else if (who < 0.4) {
        await Promise.all([gate.buyer.kill(), gate.provider.kill()])
        victims.both++
      } else {
        await side.kill()
        victims[side === gate.buyer ? 'buyer' : 'provider']++
      }
      kills++
      await gate.revive()
    }
    await trading
    await gate.settle()
  }
  t.diagnostic(`killed: ${JSON.stringify(victims)}`)
})
