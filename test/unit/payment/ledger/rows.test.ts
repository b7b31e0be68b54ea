import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { readEntries } from '../../../../src/payment/ledger/entries.js'
import type { LedgerFilter } from '../../../../src/payment/ledger/entries.js'
import { flightTable } from '../../../../src/payment/ledger/tables.js'
import { Ledger } from '../../../../src/payment/ledger.js'
import { STEP } from '../../../../src/payment/payment-state.js'
import type { Store } from '../../../../src/store/store.js'
import { folder } from '../../../parts/folder.js'
import { AGREEMENT, OTHER, draft } from '../../../parts/payment/ends.js'
import { WALLET } from '../../../parts/payment/payment-side.js'
import { storeIn } from '../../../parts/store/store-in.js'

interface Opened {
  ledger: Ledger
  store: Store
  clock: { now: number }
}

async function opened(t: TestContext): Promise<Opened> {
  const store = storeIn(await folder(t))
  await store.ready()
  const clock = { now: 1_000 }
  t.after(async () => {
    assert.deepEqual([...store.check()], [])
    await store.close()
  })
  return { ledger: new Ledger(store, WALLET, () => clock.now), store, clock }
}

test('entries are found by hash, kind, peer and time', async t => {
  const { ledger, store, clock } = await opened(t)
  const direct = draft(1, { kind: 'direct', installment: 0, agreement: OTHER, peer: null })
  await ledger.record(draft(0))
  clock.now = 2_000
  await ledger.record(direct)
  clock.now = 3_000
  await ledger.record({ ...direct, step: STEP.sent })
  const found = (filter: LedgerFilter): number[] =>
    [...readEntries(store, WALLET, filter)].map(({ payment }) => payment.at)
  assert.deepEqual(found({ hash: draft(0).hash }), [1_000])
  assert.deepEqual(found({ hash: direct.hash }), [2_000, 3_000])
  assert.deepEqual(found({ kind: 'direct' }), [2_000, 3_000])
  assert.deepEqual(found({ kind: 'installment' }), [1_000])
  assert.deepEqual(found({ kind: 'refund' }), [])
  assert.deepEqual(found({ peer: draft(0).peer! }), [1_000])
  assert.deepEqual(found({ since: 2_000 }), [2_000, 3_000])
  assert.deepEqual(found({ until: 2_000 }), [1_000])
  assert.deepEqual(found({ since: 1_001, until: 3_000 }), [2_000])
})

test('payments that go on are found by their step, and neither ended ones nor direct ones that are settled', async t => {
  const { ledger } = await opened(t)
  const direct = draft(1, { kind: 'direct', installment: 0, agreement: OTHER })
  const all = [direct, ...[2, 3, 4, 5].map(installment => draft(installment))]
  await ledger.record(...all)
  await ledger.record(...all.slice(0, 4).map(one => ({ ...one, step: STEP.sent })))
  const sent = [...ledger.at(STEP.sent)].map(({ kind }) => kind)
  assert.deepEqual(sent.sort(), ['direct', 'installment', 'installment', 'installment'])
  await ledger.record(...all.slice(0, 3).map(one => ({ ...one, step: STEP.paid })))
  await ledger.record({ ...all[2]!, step: STEP.receipt }, { ...all[4]!, step: STEP.void })
  const at = (...steps: Parameters<Ledger['at']>): number[] =>
    [...ledger.at(...steps)].map(({ installment }) => installment)
  assert.deepEqual(at(STEP.paid), [2])
  assert.deepEqual(at(STEP.sent), [4])
  assert.deepEqual(at(STEP.receipt, STEP.void), [])
})

test('nothing stays of a peer with nothing in flight', async t => {
  const { ledger, store } = await opened(t)
  await ledger.record(draft(0), draft(1))
  await ledger.record(draft(0, { step: STEP.sent }), draft(1, { step: STEP.sent }))
  const rows = (): number => [...store.table(flightTable).list()].length
  assert.equal(rows(), 2, 'of the peer and of all peers')
  await ledger.record(draft(0, { step: STEP.paid }))
  assert.equal(rows(), 2)
  await ledger.record(draft(1, { step: STEP.failed }))
  assert.equal(rows(), 0)
})

test('a credit that is recorded again is one credit', async t => {
  const { ledger } = await opened(t)
  const credited = draft(0, { step: STEP.credited, text: `credit of ${OTHER.toString('hex')}` })
  await ledger.record(draft(0))
  for (let i = 0; i < 2; i++) await ledger.record(credited)
  assert.equal(ledger.creditOf(OTHER), 5_000n)
})

test('a payment is spent once, also when it is recorded as paid again', async t => {
  const { ledger, clock } = await opened(t)
  await ledger.record(draft(0))
  await ledger.record(draft(0, { step: STEP.sent }))
  for (let i = 0; i < 2; i++) await ledger.record(draft(0, { step: STEP.paid }))
  assert.equal(ledger.spending.total(clock.now), 5_000n)
})

test('two settled hashes of an installment are found among several, and counted once', async t => {
  const { ledger } = await opened(t)
  const issues = [0, 1, 2, 3].map(issue => draft(0, { issue, hash: Buffer.alloc(32, 50 + issue) }))
  for (const issue of issues) await ledger.record(issue)
  for (const issue of issues.slice(0, 2)) await ledger.record({ ...issue, step: STEP.void })
  for (const issue of issues.slice(2)) await ledger.record({ ...issue, step: STEP.paid })
  const twice = (): number[] => [...ledger.accounts()].map(({ account }) => account.twice)
  assert.deepEqual(twice(), [1])
  for (const issue of issues.slice(2)) await ledger.record({ ...issue, step: STEP.applied })
  assert.deepEqual(twice(), [1])
  assert.deepEqual(
    [...ledger.settledTwice(AGREEMENT)].map(({ issue }) => issue),
    [3]
  )
})

test('accounts are of one wallet, and installments settled twice of one agreement', async t => {
  const { ledger, store } = await opened(t)
  const other = new Ledger(store, 'another wallet')
  await other.record(draft(0, { agreement: OTHER, hash: Buffer.alloc(32, 60) }))
  const settled = async (
    agreement: Buffer,
    installment: number,
    issue: number,
    name: number
  ): Promise<void> => {
    const hash = Buffer.alloc(32, name)
    await ledger.record(draft(installment, { agreement, issue, hash }))
    await ledger.record(draft(installment, { agreement, issue, hash, step: STEP.paid }))
  }
  await settled(AGREEMENT, 0, 0, 61)
  await settled(AGREEMENT, 1, 0, 62)
  assert.deepEqual(
    [...ledger.accounts()].map(({ agreement }) => agreement),
    [AGREEMENT]
  )
  assert.deepEqual([...ledger.settledTwice(AGREEMENT)], [])
  await settled(OTHER, 0, 0, 63)
  await settled(OTHER, 0, 1, 64)
  assert.deepEqual([...ledger.settledTwice(AGREEMENT)], [])
  assert.equal([...ledger.settledTwice(OTHER)].length, 1)
})
