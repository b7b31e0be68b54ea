import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Recent } from '../../../src/base/time/recent.js'
import { ManualClock } from '../../doubles/manual-clock.js'

/** Makes numbers, each of which takes so many ms. */
function maker(clock: ManualClock, ms: number): () => Promise<number> {
  let made = 0
  return async () => {
    await clock.advance(ms)
    return ++made
  }
}

test('a result is used again for ten times as long as it took', async () => {
  const clock = new ManualClock()
  const recent = new Recent<number>(clock)
  const make = maker(clock, 300)
  assert.equal(await recent.of('a', make), 1)
  await clock.advance(2999)
  assert.equal(await recent.of('a', make), 1)
  assert.equal(await recent.of('b', make), 2, 'another result')
  assert.equal(await recent.of('a', make), 3)
})

test('no result is used for longer than ten seconds, and a cheap one is made each time', async () => {
  const clock = new ManualClock()
  const recent = new Recent<number>(clock)
  const dear = maker(clock, 5000)
  await recent.of('a', dear)
  await clock.advance(9999)
  assert.equal(await recent.of('a', dear), 1)
  await clock.advance(1)
  assert.equal(await recent.of('a', dear), 2)
  const cheap = maker(clock, 99)
  assert.deepEqual([await recent.of('b', cheap), await recent.of('b', cheap)], [1, 2])
})

test('a failure is not kept, and few results are', async () => {
  const clock = new ManualClock()
  const recent = new Recent<number>(clock)
  const make = maker(clock, 500)
  await assert.rejects(
    recent.of('a', () => Promise.reject(new Error('no'))),
    /no/
  )
  assert.equal(await recent.of('a', make), 1)
  for (const name of 'bcdefghi') await recent.of(name, maker(clock, 500))
  assert.equal(await recent.of('a', make), 2)
})
