import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PunchTurns } from '../../../src/network/reach/punch-turns.js'
import { ManualClock } from '../../doubles/manual-clock.js'

test('a device that had its turn lets the others that wait go first', async () => {
  const clock = new ManualClock()
  const turns = new PunchTurns(clock)
  assert.ok(turns.mayPunch('hopeless', true))
  await clock.advance(1000)
  assert.ok(turns.mayPunch('other', false), 'hyperdht itself refuses, or waits')
  await clock.advance(20_000)
  assert.ok(!turns.mayPunch('hopeless', true), 'it is the turn of the other')
  assert.ok(turns.mayPunch('other', true))
  await clock.advance(20_000)
  assert.ok(turns.mayPunch('hopeless', true), 'whose turn is longest ago')
})

test('one that stopped asking holds nobody up', async () => {
  const clock = new ManualClock()
  const turns = new PunchTurns(clock)
  assert.ok(turns.mayPunch('first', true))
  assert.ok(turns.mayPunch('left', false))
  await clock.advance(31_000)
  assert.ok(turns.mayPunch('first', true))
})
