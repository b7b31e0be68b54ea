import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { resultHash } from '../../../../contracts/job.js'
import { Buyer, code, request } from '../../../parts/compute/buyer.js'
import { GOOD, TRUTH } from '../../../parts/compute/fake-providers.js'
import type { Change } from '../../../../src/store/change.js'
import type { Transaction } from '../../../../src/store/transaction.js'
import { runTable } from '../../../../src/compute/tables.js'
import { RUN } from '../../../../src/compute/buyer/run/run-state.js'

/** Whether a change records that a run is done. */
function isEndOfRun(change: Change): boolean {
  let isEnd = false
  const transaction = {
    put: (table: unknown, _key: unknown, value: { state: unknown }) =>
      void (isEnd ||= table === runTable && value.state === RUN.done),
    delete: () => undefined
  }
  change.apply(transaction as unknown as Transaction)
  return isEnd
}

function latch(): { open: () => void; hold: Promise<void> } {
  let open = (): void => undefined
  const hold = new Promise<void>(resolve => (open = resolve))
  return { open, hold }
}

/** A run on two providers, the second of which is at work when the node stops. */
async function interrupted(buyer: Buyer): Promise<() => void> {
  const { open, hold } = latch()
  buyer.fakes.add('a')
  buyer.fakes.add('b', { hold })
  const running = assert.rejects(buyer.run({ verify: 2 }), code('CLOSED'))
  await Promise.all([buyer.fakes.seen(/commit a/), buyer.fakes.seen(/work b/)])
  await buyer.stop()
  await running
  return open
}

/** A buyer whose node has started again, and the run that it was stopped amid. */
async function restarted(
  t: TestContext
): Promise<{ buyer: Buyer; left: ReturnType<Buyer['jobs']['list']>[0] | undefined }> {
  const buyer = await Buyer.open(t)
  const open = await interrupted(buyer)
  open()
  await buyer.start()
  return { buyer, left: buyer.jobs.list()[0] }
}

test('after a restart the same command resumes its agreements and neither hires nor pays anyone twice', async t => {
  const { buyer, left } = await restarted(t)
  assert.equal(left!.state, 'open')
  const outcome = await buyer.run({ verify: 2 })
  assert.deepEqual(outcome.id, left!.id)
  assert.equal(outcome.status, 'ok')
  assert.equal(buyer.fakes.count('agree'), 2)
  assert.equal(buyer.fakes.count('abandon'), 0)
  assert.ok(buyer.notes.includes('an unfinished run of this job continues where it stopped'))
  assert.equal(buyer.jobs.list().length, 1)
  // The run is over and its output was fetched: the same command starts another one.
  await buyer.jobs.fetched(outcome.id)
  const again = await buyer.run({ verify: 2 })
  assert.notDeepEqual(again.id, outcome.id)
})

test('a different command starts a different run', async t => {
  const { buyer, left } = await restarted(t)
  const changes = [
    { verify: 1 },
    { verify: 2, args: ['job.wasm', 'x'] },
    { verify: 2, module: Buffer.from('another') },
    { verify: 2, input: { stdin: Buffer.from('x'), files: [] } },
    { verify: 2, market: Buffer.alloc(32, 1) },
    { verify: 2, seed: Buffer.alloc(32, 2) },
    { verify: 2, maxMsat: 200_000n },
    { verify: 2, limits: { ...request().limits, wallMs: 1000 } }
  ]
  for (const change of changes) assert.notDeepEqual((await buyer.run(change)).id, left!.id)
  assert.equal(buyer.jobs.get(left!.id)!.state, 'open')
  assert.deepEqual((await buyer.run({ verify: 2 })).id, left!.id)
})

test('an unattended node resumes a run and keeps the output for a repeated command', async t => {
  const buyer = await Buyer.open(t)
  const open = await interrupted(buyer)
  open()
  await buyer.start(true)
  await buyer.fakes.seen(/collect b/)
  const id = buyer.jobs.list()[0]!.id
  while (buyer.jobs.get(id)!.state === RUN.open) await new Promise(resolve => setImmediate(resolve))
  const view = buyer.jobs.get(id)!
  assert.deepEqual([view.state, view.status, view.hash], ['done', 'ok', resultHash(TRUTH)])
  const outputs = join(buyer.dir, 'compute', 'outputs')
  assert.equal((await readdir(outputs)).length, 1)
  await buyer.stop()
  await buyer.start(true)
  const calls = buyer.fakes.log.length
  const outcome = await buyer.run({ verify: 2 })
  assert.deepEqual(outcome.id, id)
  assert.deepEqual(outcome.files, GOOD.files)
  assert.deepEqual(outcome.stdout, GOOD.stdout)
  assert.equal(outcome.paidMsat, view.paidMsat)
  assert.equal(buyer.fakes.log.length, calls, 'nobody was asked')
})

test('commands join the unattended run of the same job', async t => {
  const buyer = await Buyer.open(t)
  const open = await interrupted(buyer)
  await buyer.start(true)
  const outcomes = [buyer.run({ verify: 2 }), buyer.run({ verify: 2 })]
  await new Promise(resolve => setImmediate(resolve))
  open()
  const [one, two] = await Promise.all(outcomes)
  assert.deepEqual(one!.id, two!.id)
  assert.equal(buyer.fakes.count('agree'), 2)
  const outputs = join(buyer.dir, 'compute', 'outputs')
  assert.equal((await readdir(outputs)).length, 1)
})

test('a run that was paid before the node stopped fetches its output again and hires nobody', async t => {
  const buyer = await Buyer.open(t)
  buyer.fakes.add('a')
  buyer.fakes.add('b')
  // The disk refuses the record of the end, as a kill between payment and record would.
  const set = buyer.store.set.bind(buyer.store)
  buyer.store.set = async (...changes) => {
    const isEnd = changes.some(isEndOfRun)
    if (isEnd) throw new Error('killed')
    await set(...changes)
  }
  await assert.rejects(buyer.run(), /killed/)
  await buyer.stop()
  await buyer.start()
  const outcome = await buyer.run()
  assert.deepEqual(outcome.files, GOOD.files)
  assert.equal(buyer.fakes.count('agree'), 1)
})

test('an agreement that the provider no longer knows counts as failed and is replaced', async t => {
  const buyer = await Buyer.open(t)
  const open = await interrupted(buyer)
  open()
  const resume = buyer.fakes.resume.bind(buyer.fakes)
  buyer.fakes.resume = id => {
    const hire = resume(id)
    return hire?.identity.equals(buyer.fakes.providers[1]!.ask.identity) ? null : hire
  }
  buyer.fakes.add('c')
  await buyer.start()
  const outcome = await buyer.run({ verify: 2 })
  assert.deepEqual(
    outcome.providers.map(({ verdict }) => verdict),
    ['equal', 'failed', 'equal']
  )
  assert.equal(outcome.providers[1]!.paidMsat, 1000n, 'what it was paid still counts')
})

test('a cancelled run makes no more payments, whether it was running or waiting to continue', async t => {
  const buyer = await Buyer.open(t)
  buyer.fakes.add('a', { hold: new Promise(() => undefined) })
  const running = assert.rejects(buyer.run(), code('CANCELLED'))
  await buyer.fakes.seen(/work a/)
  const [view] = buyer.jobs.list()
  assert.deepEqual([view!.state, view!.providers[0]!.verdict], ['open', 'open'])
  await buyer.jobs.cancel(view!.id)
  await running
  assert.equal(buyer.jobs.get(view!.id)!.state, 'cancelled')
  assert.equal(buyer.fakes.count('abandon'), 1)

  buyer.fakes.add('b', { hold: new Promise(() => undefined) })
  const stopped = assert.rejects(buyer.run({ args: ['2'] }), code('CLOSED'))
  await new Promise(resolve => setImmediate(resolve))
  while (buyer.fakes.count('work') < 2) await new Promise(resolve => setImmediate(resolve))
  await buyer.stop()
  await stopped
  await buyer.start()
  const left = buyer.jobs.list().find(({ state }) => state === RUN.open)!
  await buyer.jobs.cancel(left.id)
  assert.equal(buyer.jobs.get(left.id)!.state, 'cancelled')
  assert.equal(buyer.fakes.count('abandon'), 2)
  await buyer.jobs.cancel(left.id)
  assert.equal(buyer.fakes.count('abandon'), 2)
  await assert.rejects(buyer.jobs.cancel(Buffer.alloc(32)), code('JOB_NOT_FOUND'))
  assert.equal(buyer.jobs.get(Buffer.alloc(32)), null)
})

test('a run cancelled while its command is repeated does not start again', async t => {
  const { buyer, left } = await restarted(t)
  const { open: goOn, hold } = latch()
  const [first] = buyer.fakes.hires
  const abandon = first!.abandon.bind(first!)
  first!.abandon = async () => {
    await hold
    await abandon()
  }
  const cancelled = buyer.jobs.cancel(left!.id)
  const repeated = assert.rejects(buyer.run({ verify: 2 }), code('CANCELLED'))
  await new Promise(resolve => setImmediate(resolve))
  goOn()
  await Promise.all([cancelled, repeated])
  assert.equal(buyer.jobs.get(left!.id)!.state, 'cancelled')
  assert.equal(buyer.fakes.count('collect'), 0)
})

test('a run that ends just as its command stops keeps its output for the next command', async t => {
  const buyer = await Buyer.open(t)
  buyer.fakes.add('a')
  const stop = new AbortController()
  const set = buyer.store.set.bind(buyer.store)
  buyer.store.set = async (...changes) => {
    await set(...changes)
    if (changes.some(isEndOfRun)) stop.abort(new Error('enough'))
  }
  await assert.rejects(buyer.run({}, stop.signal), /enough/)
  assert.equal(buyer.jobs.list()[0]!.state, 'done')
  const outcome = await buyer.run()
  assert.deepEqual(outcome.files, GOOD.files)
  assert.equal(buyer.fakes.count('agree'), 1, 'it is not bought twice')
  assert.equal(buyer.jobs.list().length, 1)
})

test('an aborted run keeps what was paid for, and leaves no record when nothing was paid', async t => {
  const buyer = await Buyer.open(t)
  const { open, hold } = latch()
  buyer.fakes.add('a', { hold })
  const stop = new AbortController()
  const running = assert.rejects(buyer.run({}, stop.signal), /enough/)
  await buyer.fakes.seen(/work a/)
  stop.abort(new Error('enough'))
  await running
  assert.equal(buyer.fakes.count('abandon'), 0)
  while (buyer.jobs.list()[0]!.providers[0]!.paidMsat === 0n)
    await new Promise(resolve => setImmediate(resolve))
  open()
  await buyer.run()
  assert.equal(buyer.fakes.count('agree'), 1)

  const early = new AbortController()
  early.abort(new Error('at once'))
  await assert.rejects(buyer.run({ args: ['other'] }, early.signal), /at once/)
  assert.equal(buyer.jobs.list().length, 1)
})

test('the estimate gives the number of fitting providers and the cheapest price without contacting anyone', async t => {
  const buyer = await Buyer.open(t)
  buyer.fakes.add('a')
  buyer.fakes.add('b', {}, { price: 30_000n, baseMsat: 500n })
  buyer.fakes.add('small', {}, { memory: 1 })
  const { payments, ...estimate } = await buyer.jobs.estimate(request())
  assert.deepEqual(estimate, { providers: 2, price: 30_000n, baseMsat: 500n, maxMsat: 300_000n })
  assert.equal(
    payments.flat().reduce((sum, msat) => sum + msat, 0n),
    300_000n
  )
  assert.deepEqual(payments[0]!.slice(0, 4), [1_000n, 5_000n, 10_000n, 20_000n])
  assert.deepEqual(buyer.fakes.log, [])
  assert.deepEqual(buyer.jobs.list(), [])
})
