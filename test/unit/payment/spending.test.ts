import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Ledger } from '../../../src/payment/ledger.js'
import type { PaymentDraft } from '../../../src/payment/ledger.js'
import { PERIOD } from '../../../src/payment/ledger/spending.js'
import { STEP } from '../../../src/payment/payment-state.js'
import { LmdbBackend } from '../../../src/store/backend/lmdb-backend.js'
import type { Store } from '../../../src/store/store.js'
import { CountingBackend } from '../../doubles/counting-backend.js'
import { folder } from '../../parts/folder.js'
import { OTHER, PROVIDER, draft } from '../../parts/payment/ends.js'
import { WALLET } from '../../parts/payment/payment-side.js'
import { storeIn } from '../../parts/store/store-in.js'

const DAY = 86_400_000
const PEER = PROVIDER.toString('hex')

interface Side {
  ledger: Ledger
  store: Store
  backend: () => CountingBackend
  clock: { now: number }
  /** Records that a payment is sent and then paid, the second `later` ms after the first. */
  pay: (installment: number, later?: number) => Promise<void>
}

async function opened(t: TestContext, now = 100 * DAY): Promise<Side> {
  let backend: CountingBackend
  const store = storeIn(await folder(t), [], at => (backend = new CountingBackend(new LmdbBackend(at))))
  await store.ready()
  const clock = { now }
  const ledger = new Ledger(store, WALLET, () => clock.now)
  t.after(async () => {
    assert.deepEqual([...store.check()], [])
    await store.close()
  })
  const pay = async (installment: number, later = 0): Promise<void> => {
    await ledger.record(draft(installment))
    await ledger.record(draft(installment, { step: STEP.sent }))
    clock.now += later
    await ledger.record(draft(installment, { step: STEP.paid }))
  }
  return { ledger, store, backend: () => backend, clock, pay }
}

test('a payment counts as spent while it is in flight, and then for a day and at most a period more', async t => {
  const { ledger, clock } = await opened(t)
  const sent = (installment: number): PaymentDraft => draft(installment, { step: STEP.sent })
  await ledger.record(draft(0), draft(1), draft(2))
  await ledger.record(sent(0), sent(1), sent(2))
  await ledger.record(draft(2, { step: STEP.failed }))
  clock.now += 5 * DAY
  assert.equal(ledger.spending.total(clock.now), 10_000n, 'what is in flight counts as long as it is')
  await ledger.record(draft(0, { step: STEP.paid }))
  await ledger.record(draft(0, { step: STEP.receipt }))
  const paid = clock.now
  for (const [at, msat] of [
    [paid, 10_000n],
    [paid + DAY, 10_000n],
    [paid + DAY + PERIOD, 5_000n]
  ] as const) {
    assert.equal(ledger.spending.total(at), msat)
    assert.equal(ledger.spending.to(PEER, at), msat)
  }
  assert.equal(ledger.spending.to(OTHER.toString('hex'), paid), 0n)
  assert.equal(ledger.spending.inFlight(PEER), 1)
})

test('a payment of the time 0 is made, and no longer in flight', async t => {
  const { ledger, pay } = await opened(t, 0)
  await pay(0)
  assert.equal(ledger.spending.inFlight(PEER), 0)
  assert.equal(ledger.spending.total(0), 5_000n)
  assert.equal(ledger.spending.total(2 * DAY), 0n)
})

test('a clock that was days ahead for a while takes nothing out of the spending of the day', async t => {
  const { ledger, clock, pay, store } = await opened(t)
  const began = clock.now
  await pay(0)
  clock.now = began + 2 * DAY
  for (let i = 1; i < 20; i++) await pay(i)
  clock.now = began + 60_000
  for (const read of [ledger, new Ledger(store, WALLET)])
    assert.equal(read.spending.total(clock.now), 100_000n, 'with what was paid while the clock was ahead')
  assert.equal(ledger.spending.to(PEER, began + DAY), 100_000n)
})

test('a payment counts from the time when its limit was checked, also when the clock is set back before it is paid', async t => {
  const { ledger, clock, pay } = await opened(t)
  await pay(0, -3 * DAY)
  clock.now += 4 * DAY
  assert.equal(ledger.spending.total(clock.now), 5_000n)
})

test('in no day by the times of sending is more spent than the limit, however the clock jumps', async t => {
  const { ledger, clock, pay } = await opened(t)
  const LIMIT = 20_000n
  const jumps = [0.1, 2, -1.9, 0.3, -0.4, 5, -5.2, 0.9, 0.2, -1, 40, -39.5, 0.05, 1.2, -0.7]
  const sent: number[] = []
  for (let i = 0; i < 120; i++) {
    clock.now += Math.round(jumps[(i * 7) % jumps.length]! * DAY)
    if (ledger.spending.total(clock.now) + 5_000n > LIMIT) continue
    sent.push(clock.now)
    await pay(i, i % 3 === 0 ? -DAY : 0)
  }
  assert.ok(sent.length > 8, `${sent.length} payments`)
  for (const from of sent) {
    const within = sent.filter(at => at >= from && at < from + DAY)
    assert.ok(5_000n * BigInt(within.length) <= LIMIT, `${within.length} payments in a day`)
  }
})

test('after a busy day the spending is read from a row for each half hour', async t => {
  const { ledger, clock, backend } = await opened(t)
  for (let hour = 0; hour < 48; hour++) {
    const drafts = Array.from({ length: 50 }, (_, i) => draft(hour * 50 + i, { hash: hashOf(hour * 50 + i) }))
    await ledger.record(...drafts)
    await ledger.record(...drafts.map(payment => ({ ...payment, step: STEP.sent })))
    await ledger.record(...drafts.map(payment => ({ ...payment, step: STEP.paid })))
    clock.now += DAY / 48
  }
  const reads = (work: () => unknown): number => {
    backend().reads = 0
    work()
    return backend().reads
  }
  const most = DAY / PERIOD + 2
  assert.equal(ledger.spending.total(clock.now), 2400n * 5_000n)
  assert.ok(reads(() => ledger.spending.total(clock.now)) <= most)
  assert.ok(reads(() => ledger.spending.to(PEER, clock.now)) <= most)
  assert.ok(reads(() => ledger.spending.total(clock.now + 3 * DAY)) <= 2, 'nothing of what is over is read')
  assert.equal(ledger.spending.total(clock.now + 3 * DAY), 0n)
})

function hashOf(i: number): Buffer {
  const hash = Buffer.alloc(32)
  hash.writeUInt32BE(i)
  return hash
}
