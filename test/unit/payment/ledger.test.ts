import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { readEntries } from '../../../src/payment/ledger/entries.js'
import type { LedgerEntry, LedgerFilter } from '../../../src/payment/ledger/entries.js'
import { Ledger, intentId } from '../../../src/payment/ledger.js'
import type { PaymentDraft, Payment } from '../../../src/payment/ledger.js'
import { nameOf } from '../../../src/base/states.js'
import { LmdbBackend } from '../../../src/store/backend/lmdb-backend.js'
import type { Change } from '../../../src/store/change.js'
import type { Store } from '../../../src/store/store.js'
import { VolatileBackend } from '../../doubles/volatile-backend.js'
import type { End } from '../../parts/payment/ends.js'
import { WALLET } from '../../parts/payment/payment-side.js'
import { storeIn } from '../../parts/store/store-in.js'
import { folder } from '../../parts/folder.js'
import { AGREEMENT, BUYER, OTHER, PROVIDER, bound, draft, ends } from '../../parts/payment/ends.js'
import { STEP } from '../../../src/payment/payment-state.js'
import { askedTable } from '../../../src/payment/tables.js'

/** A ledger on a store whose flush takes a moment, so that a test can look before it is over. */
async function opened(t: TestContext): Promise<{ ledger: Ledger; store: Store }> {
  const store = storeIn(await folder(t), [], at => new VolatileBackend(at, new LmdbBackend(at)))
  await store.ready()
  const ledger = new Ledger(store, WALLET)
  await ledger.ready()
  t.after(async () => {
    await ledger.close()
    assert.deepEqual([...store.check()], [])
    await store.close()
  })
  return { ledger, store }
}

function entriesOf(store: Store, filter?: LedgerFilter): LedgerEntry[] {
  return [...readEntries(store, WALLET, filter)]
}

const stepsOf = (store: Store): string[] => entriesOf(store).map(({ payment: { step } }) => nameOf(step))

test('a listener hears of a step just before it is on disk and just after, before the caller continues', async t => {
  const { ledger, store } = await opened(t)
  let flushes = store.stats.flushes
  ledger.on('ahead', () => assert.equal(store.stats.flushes, flushes, 'nothing of it is written yet'))
  ledger.on('written', () => assert.equal(store.stats.flushes, ++flushes))
  const order: string[] = []
  const look = (name: string) => (payments: Payment[]) => {
    order.push(`${name} ${payments.map(({ step }) => step).join('+')} ${ledger.payment(AGREEMENT, 0)?.step}`)
  }
  ledger.on('ahead', look('ahead'))
  ledger.on('written', look('written'))
  await ledger.record(draft(0)).then(() => order.push('done'))
  await ledger.record(draft(0, { step: STEP.sent }), draft(1)).then(() => order.push('done'))
  assert.deepEqual(order, [
    'ahead bound undefined',
    'written bound bound',
    'done',
    'ahead sent+bound bound',
    'written sent+bound sent',
    'done'
  ])
})

test('changes that belong to steps are on disk in one flush with them, or not at all', async t => {
  const { ledger, store } = await opened(t)
  const done: string[] = []
  const change = (key: Buffer): Change => ({
    apply: transaction => transaction.put(askedTable, key, AGREEMENT),
    ondisk: () => done.push(`${key[0]} ${store.stats.flushes}`)
  })
  const [kept, alone, dropped] = [1, 2, 3].map(byte => Buffer.alloc(32, byte)) as [Buffer, Buffer, Buffer]
  const { flushes } = store.stats
  await ledger.recordWith([change(kept)], [draft(0)])
  await ledger.recordWith([change(alone)], [])
  assert.deepEqual(done, [`1 ${flushes + 1}`, `2 ${flushes + 2}`])
  await assert.rejects(ledger.recordWith([change(dropped)], [draft(0, { step: STEP.receipt })]))
  assert.deepEqual(
    [...store.table(askedTable).list()].map(({ key }) => key),
    [kept, alone]
  )
})

test('a listener that throws before the write prevents it', async t => {
  const { ledger, store } = await opened(t)
  ledger.once('ahead', () => {
    throw new Error('killed')
  })
  await assert.rejects(ledger.record(draft(0)), /killed/)
  assert.deepEqual(entriesOf(store), [])
  ledger.once('written', () => {
    throw new Error('killed')
  })
  await assert.rejects(ledger.record(draft(0)), /killed/)
  assert.equal(entriesOf(store).length, 1)
})

test('a settled payment stays settled, and a hash is one payment', async t => {
  const { ledger } = await opened(t)
  await ledger.record(draft(0, { step: STEP.paid }))
  for (const step of [STEP.bound, STEP.sent, STEP.failed, STEP.void])
    await assert.rejects(ledger.record(draft(0, { step })), /cannot go from paid to/)
  for (const other of [
    { msat: 1n },
    { installment: 1 },
    { agreement: OTHER },
    { issue: 1 },
    { role: 'payee' as const }
  ])
    await assert.rejects(ledger.record(draft(0, { step: STEP.paid, ...other })), /two payments/)
  await ledger.record(draft(0, { step: STEP.applied }), draft(0, { step: STEP.receipt }))
  assert.equal(ledger.totals(AGREEMENT).paidMsat, 5_000n)
  assert.equal(ledger.totals(AGREEMENT).payments, 1)
})

test('a step that the table of payments does not have is reported, throws, and nothing is written', async t => {
  const { ledger, store } = await opened(t)
  const faults: Error[] = []
  ledger.on('fault', (error: Error) => faults.push(error))
  await assert.rejects(ledger.record(draft(1), draft(0, { step: STEP.sent })), /cannot begin as sent/)
  assert.equal(faults.length, 1)
  assert.deepEqual(entriesOf(store), [], 'the good record of the same batch is not written either')
  await ledger.record(draft(1), draft(0))
  await assert.rejects(ledger.record(draft(0, { step: STEP.failed })), /from bound to failed/)
  await assert.rejects(ledger.record(draft(0, { step: STEP.refused })), /from bound to refused/)
  assert.equal(entriesOf(store).length, 2)
  assert.equal(ledger.payment(AGREEMENT, 0)!.step, STEP.bound)
})

test('a step is checked against the one that is still being written', async t => {
  const { ledger, store } = await opened(t)
  await ledger.record(draft(0))
  await ledger.record(draft(0, { step: STEP.sent }))
  const paid = ledger.record(draft(0, { step: STEP.paid }))
  await assert.rejects(ledger.record(draft(0, { step: STEP.failed })), /from paid to failed/)
  await paid
  assert.deepEqual(stepsOf(store), [STEP.bound, STEP.sent, STEP.paid])
})

test('a note that comes after the acknowledgement is left out', async t => {
  const { ledger, store } = await opened(t)
  const paid = draft(0, { step: STEP.paid })
  await ledger.record(paid)
  ledger.note({ ...paid, step: STEP.receipt })
  ledger.note({ ...paid, step: STEP.applied })
  const flushed = ledger.flush()
  ledger.note({ ...paid, step: STEP.applied })
  await flushed
  await ledger.flush()
  assert.deepEqual(stepsOf(store), [STEP.paid, STEP.receipt])
})

test('of several hashes for an installment the settled one counts, otherwise the last', async t => {
  const { ledger, store } = await opened(t)
  const second = draft(0, { issue: 1, hash: Buffer.alloc(32, 200) })
  for (const step of [STEP.bound, STEP.sent, STEP.failed]) await ledger.record(draft(0, { step }))
  await ledger.record(draft(0, { step: STEP.void }), second)
  assert.equal(ledger.payment(AGREEMENT, 0)!.issue, 1)
  await ledger.record(draft(0, { step: STEP.paid }))
  for (const read of [ledger, new Ledger(store, WALLET)]) {
    assert.equal(read.payment(AGREEMENT, 0)!.issue, 0)
    assert.equal(read.payments(AGREEMENT).length, 1)
    assert.equal([...read.all()].length, 2)
  }
  assert.equal(intentId(second), `bushel/${AGREEMENT.toString('hex')}/installment/0/1`)
})

test('the sums equal those of the entries after any sequence of steps', async t => {
  const { ledger, store } = await opened(t)
  const step = (
    installment: number,
    step: PaymentDraft['step'],
    more: Partial<PaymentDraft> = {}
  ): Promise<void> => ledger.record(draft(installment, { step, ...more }))
  for (const installment of [0, 1, 2]) await step(installment, STEP.bound)
  await step(0, STEP.sent)
  await step(0, STEP.failed)
  await step(0, STEP.sent)
  await step(0, STEP.paid, { feeMsat: 3n })
  await step(0, STEP.applied, { feeMsat: 3n })
  await step(1, STEP.sent)
  await step(2, STEP.credited, { text: `credit of ${OTHER.toString('hex')}` })
  await step(0, STEP.received, { kind: 'refund', role: 'payee', hash: Buffer.alloc(32, 9), msat: 700n })
  const totals = {
    paidMsat: 10_000n,
    feesMsat: 3n,
    receivedMsat: 0n,
    inFlightMsat: 5_000n,
    refundedMsat: 700n,
    refundOpenMsat: 0n,
    creditedMsat: 5_000n,
    payments: 2
  }
  for (const read of [ledger, new Ledger(store, WALLET)]) {
    assert.deepEqual(read.totals(AGREEMENT), totals)
    assert.equal(read.creditOf(OTHER), 5_000n)
    assert.equal(read.contiguous(AGREEMENT), 1)
    assert.deepEqual(
      [...read.at(STEP.sent)].map(({ installment }) => installment),
      [1]
    )
    assert.equal(read.spending.total(Date.now()), 10_003n)
    assert.equal(read.spending.inFlight(PROVIDER.toString('hex')), 1)
  }
})

test('a paid installment costs few flushes, since repeatable steps go to disk with the next one', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  const statsOf = ({ ledger, store }: End): { entries: number; flushes: number } => ({
    entries: ledger.stats.entries,
    flushes: store.stats.flushes
  })
  const before = { payer: statsOf(payer), payee: statsOf(payee) }
  for (const installment of [0, 1, 2, 3]) {
    payer.payments.applied(await payer.payments.pay(AGREEMENT, installment))
    assert.ok(await payee.payments.wasReceived(AGREEMENT, installment, 1000))
    payee.payments.applied(payee.ledger.payment(AGREEMENT, installment)!)
    payee.payments.acknowledged(AGREEMENT, installment)
    payer.payments.acknowledged(AGREEMENT, installment)
  }
  for (const [role, end, frames] of [
    ['payer', payer, 12],
    ['payee', payee, 8]
  ] as const) {
    await end.ledger.flush()
    const { flushes, entries } = statsOf(end)
    assert.ok(flushes - before[role].flushes <= frames, `${role}: ${flushes - before[role].flushes} flushes`)
    assert.equal(entries - before[role].entries, role === 'payer' ? 16 : 12)
    assert.equal(end.step(3), 'receipt')
    await end.restart()
    assert.deepEqual(
      [0, 1, 2, 3].map(installment => end.step(installment)),
      Array(4).fill('receipt')
    )
    assert.ok(end.ledger.payment(AGREEMENT, 2)!.preimage)
  }
})

test('a flush waits for writes under way', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  payer.payments.applied(await payer.payments.pay(AGREEMENT, 0))
  void payer.ledger.flush() // as the timer does
  await payer.ledger.flush()
  assert.equal(payer.step(0), 'applied')
})

test('noted steps go to disk by themselves, once, and before the ledger is closed', async t => {
  const { ledger, store } = await opened(t)
  const paid = draft(0, { step: STEP.paid, preimage: Buffer.alloc(32, 3) })
  await ledger.record(paid)
  const written = new Promise<Payment[]>(resolve => ledger.once('written', resolve))
  for (let i = 0; i < 3; i++) ledger.note({ ...paid, step: STEP.applied })
  assert.deepEqual(
    (await written).map(({ step }) => step),
    ['applied']
  )
  ledger.note({ ...paid, step: STEP.receipt })
  await ledger.close()
  const steps = stepsOf(store)
  assert.deepEqual(steps, ['paid', 'applied', 'receipt'])
})

test('the history is read in order, filtered, without the preimages of unpaid payments', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  await bound(payer, payee, 1, OTHER)
  const { hash } = await payee.payments.issue(1_000n, 'a coffee', 60)
  payer.payments.applied(await payer.payments.pay(AGREEMENT, 0))
  await payer.ledger.flush()
  const steps = (filter?: LedgerFilter): string[] =>
    entriesOf(payer.store, filter).map(({ payment: { step, installment } }) => `${step} ${installment}`)
  assert.deepEqual(steps({ agreement: AGREEMENT }), [
    'intent 0',
    'intent 1',
    'bound 0',
    'bound 1',
    'sent 0',
    'paid 0',
    'applied 0'
  ])
  assert.deepEqual(steps({ agreement: OTHER }), ['intent 0', 'bound 0'])
  assert.deepEqual(steps({ steps: [STEP.paid] }), ['paid 0'])
  assert.deepEqual(steps({ peer: BUYER }), [])
  assert.equal(steps({ peer: PROVIDER }).length, 9)
  assert.deepEqual(steps({ since: Date.now() + 1000 }), [])
  assert.equal(steps({ until: Date.now() + 1000 }).length, 9)
  const all = entriesOf(payer.store)
  assert.deepEqual(
    all.map(({ number }) => number),
    all.map((_, i) => i)
  )
  const applied = all.at(-1)!.payment
  assert.ok(applied.preimage && applied.text, 'with what earlier entries said')
  const [direct] = entriesOf(payee.store, { hash, kind: 'direct' })
  assert.equal(direct!.payment.preimage, null)
  assert.ok(payee.ledger.byHash(hash)!.preimage)
})

test('what is being written is hidden from every reader until it is on disk', async t => {
  const { ledger } = await opened(t)
  const peer = PROVIDER.toString('hex')
  const seen = (): unknown => ({
    payment: ledger.payment(AGREEMENT, 0)?.step,
    hash: ledger.byHash(draft(0).hash)?.step,
    list: ledger.payments(AGREEMENT).map(({ step }) => step),
    sent: [...ledger.at(STEP.sent)].length,
    all: [...ledger.all()].map(({ step }) => step),
    agreements: [...ledger.accounts()].length,
    totals: ledger.totals(AGREEMENT),
    contiguous: ledger.contiguous(AGREEMENT),
    credit: ledger.creditOf(OTHER),
    spent: ledger.spending.total(Date.now()),
    to: ledger.spending.to(peer, Date.now()),
    inFlight: ledger.spending.inFlight(peer)
  })
  const credited = draft(1, { step: STEP.credited, text: `credit of ${OTHER.toString('hex')}` })
  const batches = [
    [draft(0), draft(1)],
    [draft(0, { step: STEP.sent }), credited],
    [draft(0, { step: STEP.paid })]
  ]
  for (const drafts of batches) {
    const before = seen()
    const writing = ledger.record(...drafts)
    assert.deepEqual(seen(), before)
    await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual(seen(), before, 'also while it is on its way')
    await writing
    assert.notDeepEqual(seen(), before)
  }
})

test('several steps of one hash under way are written in order and shown one after the other', async t => {
  const { ledger, store } = await opened(t)
  const shown: unknown[] = []
  ledger.on('written', () => shown.push(ledger.payment(AGREEMENT, 0)!.step))
  const first = ledger.record(draft(0))
  const others = [STEP.sent, STEP.paid, STEP.receipt].map(step => ledger.record(draft(0, { step })))
  assert.equal(ledger.payment(AGREEMENT, 0), null)
  await first
  await Promise.all(others)
  assert.deepEqual(stepsOf(store), ['bound', 'sent', 'paid', 'receipt'])
  assert.equal(shown.at(-1), STEP.receipt)
  assert.equal(ledger.totals(AGREEMENT).paidMsat, 5_000n)
})

test('the ledgers of two wallets of a home have nothing in common', async t => {
  const { ledger, store } = await opened(t)
  const other = new Ledger(store, 'ledger-cln-00')
  await ledger.record(draft(0))
  await ledger.record(draft(0, { step: STEP.sent }))
  await other.record(draft(1, { step: STEP.paid }))
  assert.equal(other.byHash(draft(0).hash), null)
  assert.deepEqual(other.payments(AGREEMENT).length, 1)
  assert.equal([...other.at(STEP.sent)].length, 0)
  assert.equal([...other.all()].length, 1)
  assert.equal(other.totals(AGREEMENT).inFlightMsat, 0n)
  assert.equal(ledger.totals(AGREEMENT).paidMsat, 0n)
  assert.deepEqual([ledger.spending.total(Date.now()), other.spending.total(Date.now())], [5_000n, 5_000n])
  assert.deepEqual([...readEntries(store, 'ledger-cln-00')].length, 1)
  assert.equal(entriesOf(store).length, 2)
})
