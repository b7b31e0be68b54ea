import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JOB_TIMEOUTS } from '../../../../src/compute/job/timeouts.js'
import { ManualClock } from '../../../doubles/manual-clock.js'
import { Buyer } from '../../../parts/compute/buyer.js'

test('a run whose provider falls silent after its first payment ends with the next one', async t => {
  const clock = new ManualClock()
  const buyer = await Buyer.open(t, clock)
  const { fakes, experiences } = buyer
  const [a, b] = [fakes.add('a', { hold: new Promise(() => undefined) }), fakes.add('b')]
  const running = buyer.run()
  await fakes.seen(/^work a$/)
  // Each look at the silence is a timer.
  for (let i = 0; i < 100 && !fakes.log.includes('commit b'); i++) await clock.advance(JOB_TIMEOUTS.spare)
  const outcome = await running
  assert.equal(outcome.status, 'ok')
  assert.ok(fakes.log.includes('abandon a'))
  assert.match(buyer.notes.join('\n'), /no longer answers, and \w+ does.*1 sat were paid to it/)
  assert.deepEqual(experiences.slow.last([a.ask, b.ask]), [b.ask, a.ask])
  assert.equal(experiences.of(a.ask.identity), null, 'nobody is blamed for silence')
})
