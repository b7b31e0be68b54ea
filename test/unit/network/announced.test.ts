import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keepAnnounced } from '../../../src/network/reach/announced.js'
import { ManualClock } from '../../doubles/manual-clock.js'

test('a server that no node knows of is announced again, and another one is not', async () => {
  const clock = new ManualClock()
  const announcer = { relays: [] as unknown[] }
  let refreshed = 0
  const server = { _announcer: announcer, refresh: () => void refreshed++ }
  const silent = { _announcer: null, refresh: () => assert.fail('it does not listen') }
  const end = keepAnnounced(() => [silent, server], clock)
  await clock.advance(10_000)
  assert.equal(refreshed, 2)
  announcer.relays.push({})
  await clock.advance(60_000)
  assert.equal(refreshed, 2)
  end()
  assert.equal(clock.timers, 0)
})
