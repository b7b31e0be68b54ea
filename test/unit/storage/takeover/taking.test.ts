import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { SignedCounter, TakenLease } from '#spec'
import { sign } from '../../../../contracts/keys/signature.js'
import { nullLogger } from '../../../../src/base/logger.js'
import type { Counterparty, DealChannel } from '../../../../src/deal/channel.js'
import type { Deals } from '../../../../src/deal/deals.js'
import { Debts } from '../../../../src/payment/debts.js'
import { Refunds } from '../../../../src/storage/buyer/refunds.js'
import { Declined } from '../../../../src/deal/decline.js'
import { change } from '../../../../src/store/change.js'
import { exchangeCounters } from '../../../../src/storage/lease/counters.js'
import { Leases } from '../../../../src/storage/lease/leases.js'
import { TIMEOUTS } from '../../../../src/storage/lease/timeouts.js'
import { cameChanges, chainOf } from '../../../../src/storage/takeover/chain.js'
import { Leaving } from '../../../../src/storage/takeover/leaving.js'
import { Taking } from '../../../../src/storage/takeover/taking.js'
import { takingTable } from '../../../../src/storage/tables.js'
import { lightningId } from '../../../samples/people.js'
import type { Person } from '../../../samples/people.js'
import { NOW } from '../../../parts/storage/taken.js'
import { takenPayments } from '../../../parts/storage/taken-payments.js'

/** A device that takes a lease over from the desktop of its owner, which had taken it over from the laptop. */
async function taking(t: TestContext) {
  const made = await takenPayments(t)
  const { desktop: end, owner, device: laptop, provider, id, list } = made
  const [desktop, phone] = [await owner.device(), await owner.device()]
  const [first, signed] = [owner.takeover(laptop, desktop, 4), owner.takeover(desktop, phone, 5)]
  const { store, payments, ledger } = end
  await payments.intend(list)
  await store.set(
    ...cameChanges(chainOf([signed, first], owner.identity)),
    change(takingTable, [provider.device.publicKey, desktop.device.publicKey], signed)
  )
  const leases = new Leases(store)
  const leaving = new Leaving({ store, identity: owner.identity, log: nullLogger })
  const deals = { self: phone } as unknown as Deals
  const debts = new Debts(store, ledger)
  const options = { store, deals, leases, payments, debts, leaving, timeouts: TIMEOUTS, now: Date.now }
  const taker = new Taking(options)
  /** Asks the provider, which gives this answer. */
  const ask = async (...answer: Partial<TakenLease>[]): Promise<void> => {
    const given = answer.map(one => ({ agreement: id, paidMsat: 0n, ...one }))
    const request = (): Promise<unknown> => Promise.resolve({ leases: given })
    await taker.ask({ device: provider.device.publicKey, request } as unknown as DealChannel)
  }
  const counter = (n: number, by: Person): SignedCounter => {
    const counted = { agreement: id, n, paidMsat: 5_000n, servedUntil: 1, egressBytes: 0 }
    return {
      counter: counted,
      buyer: sign('counter', counted, by.device),
      provider: sign('counter', counted, provider.device)
    }
  }
  return { ...made, laptop, middle: desktop, phone, leases, ledger, debts, taker, ask, counter }
}

test('a counter that any earlier device has signed is taken in, and that of no other one', async t => {
  const { id, owner, laptop, middle, leases, ledger, ask, counter } = await taking(t)
  const n = (): number | undefined => leases.get('buyer', id)!.counter?.counter.n
  await ask(
    { counter: counter(9, await owner.device()) },
    { counter: counter(6, laptop) },
    { counter: counter(7, middle) }
  )
  assert.equal(n(), 7)
  assert.equal(ledger.contiguous(id), 1)
})

test('what a provider says that it has received is acknowledged, so that it owes the rest of it back', async t => {
  const { id, desktop, list, installments, ask } = await taking(t)
  const [first, second] = list.installments
  await ask({ paidMsat: first!.msat + second!.msat + 1n })
  await desktop.ledger.flush()
  assert.deepEqual(
    desktop.ledger.payments(id).map(({ step }) => step),
    ['receipt', 'receipt', 'intent']
  )
  assert.equal(installments().acknowledgedMsat, first!.msat + second!.msat)
})

/** A debt of 9,000 msat for the lease, and a provider that has paid back all but this of it. */
async function owing(t: TestContext, at: number) {
  const made = await taking(t)
  const { id, desktop, debts, leases, provider, taker } = made
  const invoices: bigint[] = []
  const paid = { leftMsat: 9_000n }
  await debts.save('creditor', provider.identity, {
    debt: { agreement: id, msat: 9_000n, at },
    signature: Buffer.alloc(64)
  })
  const channel = {
    request: (what: string, body: { invoice: string }): Promise<unknown> => {
      if (what === 'takeover')
        return Promise.resolve({ leases: [{ agreement: id, paidMsat: 0n, leftMsat: paid.leftMsat }] })
      invoices.push(BigInt(body.invoice.split('|')[2]!))
      if (invoices.at(-1) === paid.leftMsat) return Promise.resolve({ ok: 1 })
      return Promise.reject(new Declined('it', paid.leftMsat > 0n ? 'INVOICE' : 'NO_DEBT', 'not the rest'))
    }
  } as unknown as DealChannel
  const claims = new Refunds({
    ...{ debts, leases, payments: desktop.payments, now: Date.now },
    open: () => Promise.resolve(channel),
    isLess: (...asked) => taker.isLess(...asked)
  })
  return { ...made, claims, invoices, paid }
}

test('of a debt that the first device has had a part of, the rest is claimed', async t => {
  const { id, claims, invoices, paid, debts } = await owing(t, 3)
  paid.leftMsat = 4_000n
  await claims.claim(id)
  assert.deepEqual(invoices, [9_000n, 4_000n])
  const { settledMsat, openMsat, leftMsat } = debts.get('creditor', id)!
  assert.deepEqual([settledMsat, openMsat, leftMsat], [5_000n, 4_000n, 0n])
  await claims.claim(id)
  assert.deepEqual(invoices, [9_000n, 4_000n, 4_000n])
})

test('a debt that the first device has had all of is settled, and claimed no more', async t => {
  const { id, claims, invoices, paid, debts } = await owing(t, 3)
  paid.leftMsat = 0n
  await claims.claim(id)
  await debts.sweep()
  assert.deepEqual([invoices, [...debts.unsettled('creditor')]], [[9_000n], []])
})

test('of a debt that was signed after the takeover nobody else can have had a part', async t => {
  const { id, claims, paid, debts } = await owing(t, NOW)
  paid.leftMsat = 4_000n
  await assert.rejects(claims.claim(id), { code: 'DECLINED' })
  assert.equal(debts.get('creditor', id)!.settledMsat, 0n)
})

test('a counter of a device in between that is shown at a hello is no sign of an older copy of this home', async t => {
  const { id, laptop, middle, phone, provider, leases, ledger, counter } = await taking(t)
  const found: boolean[] = []
  let judge: (peer: Counterparty, counters: SignedCounter[]) => Promise<void> = assert.fail
  const exchange = (how: { judge: typeof judge }): (() => void) => {
    ;({ judge } = how)
    return () => undefined
  }
  exchangeCounters({
    ...{ deals: { self: phone, exchange } as unknown as Deals, leases, ledger },
    onforgotten: async (_, forgotten) => void found.push(...forgotten.map(({ isEarlier }) => isEarlier))
  })
  const peer = {
    ...{ identity: provider.identity, device: provider.device.publicKey },
    ...{ lightning: lightningId(), address: null }
  }
  for (const by of [laptop, middle, phone]) await judge(peer, [counter(7, by)])
  assert.deepEqual(found, [true, true, false])
  assert.ok(leases.buyersOf(leases.get('buyer', id)!).at(-1)!.equals(phone.device.publicKey))
})

test('an answer to an earlier takeover does not take back a later one of the same device', async t => {
  const { owner, middle, phone, provider, desktop, taker } = await taking(t)
  const key: [Buffer, Buffer] = [provider.device.publicKey, middle.device.publicKey]
  const later = owner.takeover(middle, phone, 9)
  const request = async (): Promise<unknown> => {
    await desktop.store.set(change(takingTable, key, later))
    return { leases: [] }
  }
  await taker.ask({ device: provider.device.publicKey, request } as unknown as DealChannel)
  assert.equal(desktop.store.table(takingTable).get(key)?.takeover!.n, 9)
})
