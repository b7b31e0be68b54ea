import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BushelError } from '../../../../contracts/errors/error.js'
import type { MapOutcome, RunRequest } from '../../../../src/compute/buyer/jobs.js'
import { change } from '../../../../src/store/change.js'
import { limitTable } from '../../../../src/payment/tables.js'
import { Buyer, code, never, request } from '../../../parts/compute/buyer.js'

const module = Buffer.from('a module')

function chunks(count: number, change: Partial<RunRequest> = {}): RunRequest[] {
  return Array.from({ length: count }, (_, i) =>
    request({ module, input: { stdin: Buffer.from(`chunk ${i}`), files: [] }, ...change })
  )
}

async function all(results: AsyncIterable<MapOutcome>): Promise<MapOutcome[]> {
  const list: MapOutcome[] = []
  for await (const result of results) list.push(result)
  return list
}

test('every input gets an outcome, the module is packed once, and the jobs spread over the providers', async t => {
  const buyer = await Buyer.open(t)
  for (const name of ['a', 'b', 'c']) buyer.fakes.add(name)
  const results = await all(buyer.jobs.map(chunks(9), { parallel: 6 }, buyer.listener, never))
  assert.deepEqual(
    results.map(({ index }) => index).sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8]
  )
  for (const { outcome, error } of results) assert.deepEqual([outcome?.status, error], ['ok', null])
  assert.equal(buyer.packs, 1)
  const names = buyer.fakes.hires.map(({ provider }) => provider.name)
  assert.deepEqual(new Set(names), new Set(['a', 'b', 'c']), 'two cores each, six at a time')
})

test('at most `parallel` jobs run at a time, by default one for each provider', async t => {
  for (const [parallel, most] of [
    [2, 2],
    [undefined, 3]
  ] as const) {
    const buyer = await Buyer.open(t)
    let open = 0
    let seen = 0
    let full = (): void => undefined
    const isFull = new Promise<void>(resolve => (full = resolve)).then(async () => {
      // Time for a surplus job to get as far as the others.
      for (let i = 0; i < 5; i++) await buyer.store.set(change(limitTable, 'play', Buffer.from('{}')))
    })
    for (const name of ['a', 'b', 'c']) {
      const provider = buyer.fakes.add(name)
      Object.defineProperty(provider.script, 'hold', {
        get: async () => {
          seen = Math.max(seen, ++open)
          if (open >= most) full()
          await isFull
          open--
        }
      })
    }
    const options = parallel === undefined ? {} : { parallel }
    await all(buyer.jobs.map(chunks(8), options, buyer.listener, never))
    assert.equal(seen, most)
  }
})

test('outcomes arrive as jobs end, not in the order of the inputs', async t => {
  const buyer = await Buyer.open(t)
  let release = (): void => undefined
  buyer.fakes.add('slow', { hold: new Promise<void>(resolve => (release = resolve)) }, { cores: 1 })
  buyer.fakes.add('quick', {}, { cores: 1 })
  const order: number[] = []
  for await (const { index } of buyer.jobs.map(chunks(4), { parallel: 2 }, buyer.listener, never)) {
    order.push(index)
    if (order.length === 3) release()
  }
  assert.deepEqual(order, [1, 2, 3, 0])
})

test('a failed job is retried elsewhere, and an input that cannot be run does not stop the others', async t => {
  const buyer = await Buyer.open(t)
  buyer.fakes.add('bad', { failAt: { step: 'commit', code: 'PEER_GONE' } })
  buyer.fakes.add('good', {}, { cores: 64 })
  const requests = chunks(4)
  requests[2] = { ...requests[2]!, maxPrice: 1n }
  const results = await all(buyer.jobs.map(requests, { parallel: 2 }, buyer.listener, never))
  const failed = results.filter(({ error }) => error)
  assert.deepEqual(
    failed.map(({ index, error }) => [index, error!.code]),
    [[2, 'NO_OFFER']]
  )
  assert.equal(results.filter(({ outcome }) => outcome?.status === 'ok').length, 3)
})

test('with busy providers the inputs wait until a job has ended, however many inputs there are', async t => {
  const buyer = await Buyer.open(t)
  buyer.fakes.add('a', {}, { cores: 1 })
  const agree = buyer.fakes.agree.bind(buyer.fakes)
  let asked = 0
  buyer.fakes.agree = request => {
    asked++
    const isBusy = buyer.fakes.hires.some(({ state }) => state === 'agreed' || state === 'committed')
    if (isBusy) throw new BushelError('NO_OFFER', 'no place is free')
    return agree(request)
  }
  const results = await all(buyer.jobs.map(chunks(20), { parallel: 8 }, buyer.listener, never))
  assert.equal(results.length, 20)
  for (const { outcome } of results) assert.equal(outcome?.status, 'ok')
  assert.ok(asked > 20, 'some had found nobody')
  assert.ok(asked < 60, `they were not tried in vain again and again: ${asked}`)
})

test('an input given twice is run once, and both get its outcome', async t => {
  const buyer = await Buyer.open(t)
  buyer.fakes.add('a')
  const [one] = chunks(1)
  const results = await all(buyer.jobs.map([one!, one!], { parallel: 2 }, buyer.listener, never))
  assert.equal(results.length, 2)
  assert.equal(buyer.fakes.count('agree'), 1)
})

test('a caller that stops reading stops the jobs at work', async t => {
  const buyer = await Buyer.open(t)
  buyer.fakes.add('quick', {}, { cores: 1 })
  buyer.fakes.add('slow', { hold: new Promise(() => undefined) }, { cores: 1 })
  for await (const result of buyer.jobs.map(chunks(5), { parallel: 2 }, buyer.listener, never)) {
    assert.ok(result.outcome)
    await buyer.fakes.seen(/work slow/)
    break
  }
  assert.ok(buyer.fakes.count('agree') <= 3)

  const stop = new AbortController()
  const reading = all(
    buyer.jobs.map(chunks(2, { args: ['2'] }), { parallel: 2 }, buyer.listener, stop.signal)
  )
  await new Promise(resolve => setImmediate(resolve))
  stop.abort(Object.assign(new Error('stopped'), { code: 'INTERRUPTED' }))
  await assert.rejects(reading, code('INTERRUPTED'))
})
