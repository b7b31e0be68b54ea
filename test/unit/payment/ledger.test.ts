import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { encode } from '../../../contracts/schema/codec.js'
import { Journal } from '../../../src/store/journal.js'
import { readEntries } from '../../../src/payment/entries.js'
import type { LedgerEntry, LedgerFilter } from '../../../src/payment/entries.js'
import { Ledger, intentId } from '../../../src/payment/ledger.js'
import type { PaymentDraft, Payment } from '../../../src/payment/ledger.js'
import { folder } from '../../parts/folder.js'
import { AGREEMENT, BUYER, OTHER, PROVIDER, bound, ends } from '../../parts/payment/ends.js'
import { STEP } from '../../../src/payment/payment-state.js'

async function opened(t: TestContext, file?: string): Promise<{ ledger: Ledger; file: string }> {
  const path = file ?? join(await folder(t), 'ledger')
  const ledger = new Ledger(path)
  await ledger.ready()
  t.after(() => ledger.close())
  return { ledger, file: path }
}

function draft(installment: number, more: Partial<PaymentDraft> = {}): PaymentDraft {
  return {
    agreement: AGREEMENT,
    role: 'payer',
    kind: 'installment',
    installment,
    issue: 0,
    peer: PROVIDER,
    hash: Buffer.alloc(32, 100 + installment),
    msat: 5_000n,
    step: STEP.bound,
    feeMsat: 0n,
    preimage: null,
    text: 'lnbcrt',
    ...more
  }
}

async function entriesOf(file: string, filter?: LedgerFilter): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = []
  await readEntries(file, entry => entries.push(entry), filter)
  return entries
}

test('entries of the first version are installments without an issue', async t => {
  const file = join(await folder(t), 'ledger')
  const journal = new Journal(file)
  await journal.ready()
  const { agreement, role, hash, msat } = draft(0)
  const old = { at: 5, agreement, role, installment: 0, hash, msat, feeMsat: 0n }
  await journal.append(encode('ledger-entry', { ...old, type: STEP.bound, text: 'lnbcrt' }))
  const preimage = Buffer.alloc(32, 7)
  await journal.append(encode('ledger-entry', { ...old, type: STEP.paid, feeMsat: 3n, preimage }))
  await journal.close()
  const { ledger } = await opened(t, file)
  const { at, ...payment } = ledger.payment(AGREEMENT, 0)!
  assert.equal(at, 5)
  assert.deepEqual(payment, { ...draft(0), peer: null, step: 'paid', feeMsat: 3n, preimage })
  assert.equal(ledger.contiguous(AGREEMENT), 1)
})

test('a listener hears of a step just before it is on disk and just after, before the caller continues', async t => {
  const { ledger, file } = await opened(t)
  let onDisk = 0
  ledger.on('ahead', () => assert.equal(statSync(file).size, onDisk, 'nothing of it is written yet'))
  ledger.on('written', () => {
    assert.ok(statSync(file).size > onDisk)
    onDisk = statSync(file).size
  })
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

test('a listener that throws before the write prevents it', async t => {
  const { ledger, file } = await opened(t)
  ledger.once('ahead', () => {
    throw new Error('killed')
  })
  await assert.rejects(ledger.record(draft(0)), /killed/)
  assert.deepEqual(await entriesOf(file), [])
  ledger.once('written', () => {
    throw new Error('killed')
  })
  await assert.rejects(ledger.record(draft(0)), /killed/)
  assert.equal((await entriesOf(file)).length, 1)
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
  const { ledger, file } = await opened(t)
  const faults: Error[] = []
  ledger.on('fault', (error: Error) => faults.push(error))
  await assert.rejects(ledger.record(draft(1), draft(0, { step: STEP.sent })), /cannot begin as sent/)
  assert.equal(faults.length, 1)
  assert.deepEqual(await entriesOf(file), [], 'the good record of the same batch is not written either')
  await ledger.record(draft(1), draft(0))
  await assert.rejects(ledger.record(draft(0, { step: STEP.failed })), /from bound to failed/)
  await assert.rejects(ledger.record(draft(0, { step: STEP.refused })), /from bound to refused/)
  assert.equal((await entriesOf(file)).length, 2)
  assert.equal(ledger.payment(AGREEMENT, 0)!.step, STEP.bound)
})

test('a step is checked against the one that is still being written', async t => {
  const { ledger, file } = await opened(t)
  await ledger.record(draft(0))
  await ledger.record(draft(0, { step: STEP.sent }))
  const paid = ledger.record(draft(0, { step: STEP.paid }))
  await assert.rejects(ledger.record(draft(0, { step: STEP.failed })), /from paid to failed/)
  await paid
  assert.deepEqual(
    (await entriesOf(file)).map(({ payment: { step } }) => step),
    [STEP.bound, STEP.sent, STEP.paid]
  )
})

test('a note that comes after the acknowledgement is left out', async t => {
  const { ledger, file } = await opened(t)
  const paid = draft(0, { step: STEP.paid })
  await ledger.record(paid)
  ledger.note({ ...paid, step: STEP.receipt })
  ledger.note({ ...paid, step: STEP.applied })
  const flushed = ledger.flush()
  ledger.note({ ...paid, step: STEP.applied })
  await flushed
  await ledger.flush()
  assert.deepEqual(
    (await entriesOf(file)).map(({ payment: { step } }) => step),
    [STEP.paid, STEP.receipt]
  )
})

test('of several hashes for an installment the settled one counts, otherwise the last', async t => {
  const { ledger, file } = await opened(t)
  const second = draft(0, { issue: 1, hash: Buffer.alloc(32, 200) })
  for (const step of [STEP.bound, STEP.sent, STEP.failed]) await ledger.record(draft(0, { step }))
  await ledger.record(draft(0, { step: STEP.void }), second)
  assert.equal(ledger.payment(AGREEMENT, 0)!.issue, 1)
  await ledger.record(draft(0, { step: STEP.paid }))
  for (const read of [ledger, await Ledger.read(file)]) {
    assert.equal(read.payment(AGREEMENT, 0)!.issue, 0)
    assert.equal(read.payments(AGREEMENT).length, 1)
    assert.equal([...read.all()].length, 2)
  }
  assert.equal(intentId(second), `bushel/${AGREEMENT.toString('hex')}/installment/0/1`)
})

test('the sums equal those of the entries after any sequence of steps', async t => {
  const { ledger, file } = await opened(t)
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
  for (const read of [ledger, await Ledger.read(file)]) {
    assert.deepEqual(read.totals(AGREEMENT), totals)
    assert.equal(read.creditOf(OTHER), 5_000n)
    assert.equal(read.contiguous(AGREEMENT), 1)
    assert.deepEqual(
      [...read.at(STEP.sent)].map(({ installment }) => installment),
      [1]
    )
    assert.equal(read.spending.total(Date.now()), 10_000n)
    assert.equal(read.spending.inFlight(PROVIDER.toString('hex')), 1)
  }
})

test('a paid installment costs few frames, since repeatable steps go to disk with the next one', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  const before = { payer: { ...payer.ledger.stats }, payee: { ...payee.ledger.stats } }
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
    const { syncs, entries, bytes } = end.ledger.stats
    assert.ok(syncs - before[role].syncs <= frames, `${role}: ${syncs - before[role].syncs} frames`)
    assert.equal(entries - before[role].entries, role === 'payer' ? 16 : 12)
    const each = (bytes - before[role].bytes) / 4
    assert.ok(each < 700, `${role}: ${each} bytes an installment`)
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
  const { ledger, file } = await opened(t)
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
  const steps = (await entriesOf(file)).map(({ payment }) => payment.step)
  assert.deepEqual(steps, ['paid', 'applied', 'receipt'])
})

test('the history is read from the file in order, filtered, without the preimages of unpaid payments', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  await bound(payer, payee, 1, OTHER)
  const { hash } = await payee.payments.issue(1_000n, 'a coffee', 60)
  payer.payments.applied(await payer.payments.pay(AGREEMENT, 0))
  await payer.ledger.flush()
  const steps = async (filter?: LedgerFilter): Promise<string[]> =>
    (await entriesOf(payer.file, filter)).map(
      ({ payment: { step, installment } }) => `${step} ${installment}`
    )
  assert.deepEqual(await steps({ agreement: AGREEMENT }), [
    'intent 0',
    'intent 1',
    'bound 0',
    'bound 1',
    'sent 0',
    'paid 0',
    'applied 0'
  ])
  assert.deepEqual(await steps({ agreement: OTHER }), ['intent 0', 'bound 0'])
  assert.deepEqual(await steps({ steps: [STEP.paid] }), ['paid 0'])
  assert.deepEqual(await steps({ peer: BUYER }), [])
  assert.equal((await steps({ peer: PROVIDER })).length, 9)
  assert.deepEqual(await steps({ since: Date.now() + 1000 }), [])
  assert.equal((await steps({ until: Date.now() + 1000 })).length, 9)
  const all = await entriesOf(payer.file)
  assert.deepEqual(
    all.map(({ number }) => number),
    all.map((_, i) => i)
  )
  const applied = all.at(-1)!.payment
  assert.ok(applied.preimage && applied.text, 'with what earlier entries said')
  const [direct] = await entriesOf(payee.file, { hash, kind: 'direct' })
  assert.equal(direct!.payment.preimage, null)
  assert.ok(payee.ledger.byHash(hash)!.preimage)
})
