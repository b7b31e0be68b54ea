import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ForwarderChoice } from '../../../src/network/forwarding/choice.js'
import { ManualClock } from '../../doubles/manual-clock.js'

const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)] as const

test('a forwarder that did not answer is offered after the others, for a minute', async () => {
  const clock = new ManualClock()
  const choice = new ForwarderChoice(clock)
  assert.equal(choice.pick(), null)
  choice.use(() => [first, second])
  assert.equal(choice.pick(), first)
  choice.failed(first)
  assert.equal(choice.pick(), second)
  await clock.advance(1000)
  choice.failed(second)
  assert.equal(choice.pick(), first, 'all have failed: the one whose failure is longest ago')
  choice.answered(second)
  assert.equal(choice.pick(), second)
  await clock.advance(60_001)
  assert.equal(choice.pick(), first)
})
