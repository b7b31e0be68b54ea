import assert from 'node:assert/strict'
import { once as written } from 'node:events'
import { afterEach, beforeEach, test } from 'node:test'
import { MINUTE } from '../../../../contracts/money/quantity.js'
import type { DealChannel } from '../../../../src/deal/channel.js'
import { atMessage, openPair, owedLease, settledOf } from './open-pair.js'
import type { DealPair } from './deal-pair.js'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'

let pair: DealPair
let close: () => Promise<void>

beforeEach(async () => {
  ;({ pair, close } = await openPair())
})

afterEach(() => close())

const once = <T>(method: string, way: string, then: () => Promise<T>): Promise<T> =>
  atMessage(pair, method, way, then)

/** Holds the provider's wallet on its way to a refund until it is let go. */
function holdRefund(): { reached: Promise<void>; letGo: () => void } {
  let letGo = (): void => undefined
  const reached = new Promise<void>(resolve => {
    pair.provider.wallet.reach = () => {
      resolve()
      return new Promise(go => (letGo = go))
    }
  })
  return { reached, letGo: () => letGo() }
}

test('a debt that is claimed while an installment is credited from it is settled once', async () => {
  const first = await owedLease(pair)
  let letClaim = (): void => undefined
  pair.onclaim = () => new Promise(resolve => (letClaim = resolve))
  const claiming = pair.claim(first)
  pair.onclaim = () => Promise.resolve()
  // The claim goes on just when the provider is asked to credit an installment from the same debt.
  const asked = once('credit', 'request', async () => {
    letClaim()
    await claiming
  })
  const second = await pair.deal({ installments: 3 })
  await asked
  assert.equal(pair.buyer.payments.ledger.payment(first, 0, 'refund'), null, 'no invoice is out for it')
  assert.equal(settledOf(pair, first), 2_000n)
  await pair.end(second)
  await pair.refund(second)
  await pair.settle()
})

test('a lapsing lease is asked about ever more rarely, and again when its provider reconnects', async () => {
  const lease = await pair.deal({ installments: 3 })
  let now = Date.now()
  let asked = 0
  pair.wire.chooseFault = ({ method, way }) => {
    if (method !== 'end' || way !== 'request') return null
    asked++
    return 'lost'
  }
  const { leases, deals } = pair.buyer
  await leases.save({ ...leases.get('buyer', lease)!, state: LEASE.LAPSING, reason: 'it was given up' })
  const maintenance = pair.maintenance({ now: () => now, retry: { first: 2 * MINUTE, last: 8 * MINUTE } })
  deals.on('met', ({ device }: DealChannel) => maintenance.met(device))
  const looks: number[] = []
  const pass = async (minutes: number): Promise<void> => {
    for (let minute = 0; minute < minutes; minute++, now += MINUTE) {
      const before = asked
      await maintenance.look()
      if (asked > before) looks.push(minute)
    }
  }
  await pass(30)
  assert.deepEqual(looks.splice(0), [0, 2, 6, 14, 22])
  const disconnect = async (): Promise<void> => {
    const [stream] = pair.buyer.network.streams
    const parted = new Promise(resolve => stream!.once('close', resolve))
    pair.disconnect()
    await parted
  }
  await disconnect()
  await pass(3)
  assert.deepEqual(looks.splice(0), [0], 'to be met by being asked is no news')
  await disconnect()
  await deals.open(pair.provider.who.device.publicKey)
  await pass(7)
  assert.deepEqual(looks, [0, 2, 6], 'it begins anew')
  pair.wire.chooseFault = () => null
  await pass(10)
  assert.equal(leases.get('buyer', lease)!.state, 'ENDED')
  await pair.refund(lease)
  await pair.settle()
})

test('a buyer that claims a debt and has installments credited from it at once gets it once', async () => {
  const first = await owedLease(pair)
  const { reached, letGo } = holdRefund()
  // Its own records would keep an honest buyer from it.
  const { deals, payments } = pair.buyer
  const channel = await deals.open(pair.provider.who.device.publicKey)
  const invoice = await payments.refundInvoice(first, 2_000n)
  await channel.request('refund', { agreement: first, invoice })
  await reached
  let answered = (): void => undefined
  const credited = new Promise<void>(resolve => (answered = resolve))
  const asking = once('strip', 'answer', async () => {
    const [lease] = [...pair.buyer.leases.list('buyer')].filter(({ lease }) => lease.state === LEASE.AGREED)
    await channel.request('credit', { agreement: lease!.id, installment: 0, debt: first })
    answered()
  })
  const dealing = pair.deal({ installments: 3 }).catch(() => undefined)
  await asking
  await credited
  letGo()
  await dealing
  await pair.provider.payments.reconcile()
  assert.ok(settledOf(pair, first) <= 2_000n, `${settledOf(pair, first)} of 2000 msat were paid back`)
})

test('open requests of an ended lease are answered before the rest of the debt is claimed', async () => {
  const first = await owedLease(pair)
  const stop = new AbortController()
  pair.wire.chooseFault = ({ method, way }) => {
    if (method !== 'credit' || way !== 'answer') return null
    stop.abort(new Error('stopped'))
    return 'lost'
  }
  await assert.rejects(pair.mirrors.run(pair.request(3), pair.listener, stop.signal), { message: 'stopped' })
  pair.wire.endFaults()
  await pair.buyerLease(pair.lease(LEASE.BOUND)).close('its provider was away for too long')
  await pair.refund(first)
  assert.equal(pair.buyer.debts.get('creditor', first)!.settledMsat, 2_000n)
  // The payer has it on disk a moment after the payee.
  while (settledOf(pair, first) < 2_000n) await written(pair.provider.payments.ledger, 'written')
  assert.equal(settledOf(pair, first), 2_000n)
})
