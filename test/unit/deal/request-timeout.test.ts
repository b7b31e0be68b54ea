import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { StrictRpc } from '../../../src/book/peers/strict-rpc.js'
import { ManualClock } from '../../doubles/manual-clock.js'
import { connect } from '../../parts/storage/wire.js'

/** Two ends of a channel; the far one answers `slow` when the test says so. */
function ends(t: TestContext): {
  clock: ManualClock
  near: StrictRpc
  answer: () => void
  asked: Promise<void>
} {
  const wire = connect(null, null)
  t.after(() => wire.cut())
  const clock = new ManualClock()
  const near = new StrictRpc(wire.ends[0], { protocol: 'test', clock })
  const far = new StrictRpc(wire.ends[1], { protocol: 'test' })
  let answer!: () => void
  let heard!: () => void
  const asked = new Promise<void>(resolve => (heard = resolve))
  const answered = new Promise<Buffer>(resolve => (answer = () => resolve(Buffer.from('here'))))
  far.respond('slow', () => {
    heard()
    return answered
  })
  return { clock, near, answer, asked }
}

test('an unanswered request is given up after its timeout', async t => {
  const { clock, near, asked } = ends(t)
  const rejected = assert.rejects(near.request('slow', null, { timeout: 1000 }), { code: 'TIMEOUT_EXCEEDED' })
  await asked
  await clock.advance(1000)
  await rejected
  assert.equal(clock.timers, 0)
})

test('a request does not time out because this machine slept while it waited', async t => {
  const { clock, near, answer, asked } = ends(t)
  const answered = near.request('slow', null, { timeout: 1000 })
  await asked
  await clock.sleep(60_000)
  await clock.advance(900)
  answer()
  assert.equal((await answered)!.toString(), 'here')
  assert.equal(clock.timers, 0)
})
