import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Poller } from '../../../src/base/poller.js'
import type { PollerOptions } from '../../../src/base/poller.js'
import { ManualClock, turn } from '../../doubles/manual-clock.js'

/** A poller whose runs end when the test says so. */
function polling(options: Partial<PollerOptions> = {}) {
  const clock = new ManualClock()
  const errors: unknown[] = []
  const ends: ((error?: Error) => void)[] = []
  const state = { begun: 0, running: 0, most: 0 }
  const poller = new Poller({
    interval: 1000,
    onerror: error => errors.push(error),
    clock,
    look: async () => {
      state.begun++
      state.most = Math.max(state.most, ++state.running)
      try {
        await new Promise<void>((resolve, reject) => {
          ends.push(error => (error ? reject(error) : resolve()))
        })
      } finally {
        state.running--
      }
    },
    ...options
  })
  const end = async (error?: Error): Promise<void> => {
    ends.shift()!(error)
    await turn()
  }
  return { poller, clock, errors, state, end }
}

test('a poller runs at once and again one interval after a run has ended', async () => {
  const { poller, clock, state, end } = polling()
  void poller.start()
  assert.equal(state.begun, 1)
  await clock.advance(5000)
  assert.equal(state.begun, 1, 'the first look is under way')
  await end()
  await clock.advance(999)
  assert.equal(state.begun, 1)
  await clock.advance(1)
  assert.equal(state.begun, 2)
  await end()
  await poller.close()
})

test('pokes during a run cause one more run and never two at once', async () => {
  const { poller, state, end } = polling()
  void poller.start()
  poller.poke()
  poller.poke()
  assert.equal(state.begun, 1)
  await end()
  assert.equal(state.begun, 2)
  await end()
  assert.equal(state.begun, 2)
  assert.equal(state.most, 1)
  await poller.close()
})

test('pokes within the settling time cause one run', async () => {
  const { poller, clock, state, end } = polling({ settle: 300 })
  poller.poke()
  await clock.advance(299)
  poller.poke()
  assert.equal(state.begun, 0)
  await clock.advance(1)
  assert.equal(state.begun, 1)
  await end()
  await clock.advance(10_000)
  assert.equal(state.begun, 1, 'it was never started')
  await poller.close()
})

test('a requested run resolves only after a run that began after the request', async () => {
  const { poller, state, end } = polling()
  void poller.start()
  let over = false
  const asked = poller.look().then(() => (over = true))
  await end()
  assert.equal(state.begun, 2)
  assert.equal(over, false)
  await end()
  await asked
  await poller.close()
})

test('a failed run is reported, and the next run comes after the retry delay', async () => {
  const { poller, clock, errors, state, end } = polling({ retry: 50 })
  void poller.start()
  await end(new Error('it failed'))
  assert.equal((errors[0] as Error).message, 'it failed')
  await clock.advance(50)
  assert.equal(state.begun, 2)
  await end()
  await clock.advance(999)
  assert.equal(state.begun, 2)
  await poller.close()
})

test('a run requested as another ends does not start a second one beside the scheduled run', async () => {
  const { poller, state, end } = polling()
  const first = poller.look()
  const asked = first.then(() => poller.look())
  void poller.look()
  await end()
  assert.equal(state.running, 1)
  await end()
  await asked
  assert.equal(state.most, 1)
  await poller.close()
})

test('a run that throws synchronously is reported too', async () => {
  const { poller, errors } = polling({
    look: () => {
      throw new Error('at once')
    }
  })
  await poller.look()
  await poller.look()
  assert.deepEqual(
    errors.map(error => (error as Error).message),
    ['at once', 'at once']
  )
  await poller.close()
})

test('closing aborts the signal, waits for the current run and starts no other', async () => {
  const { poller, clock, state, end } = polling()
  void poller.start()
  poller.poke()
  let closed = false
  const closing = poller.close().then(() => (closed = true))
  assert.equal(poller.signal.aborted, true)
  await turn()
  assert.equal(closed, false)
  await end()
  await closing
  poller.poke()
  await poller.look()
  await clock.advance(10_000)
  assert.equal(state.begun, 1)
  assert.equal(clock.timers, 0)
})
