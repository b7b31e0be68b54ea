import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  Stall,
  deadline,
  pause,
  timeoutSignal,
  unlessAborted,
  withTimeout
} from '../../../src/base/timeouts.js'
import { ManualClock, turn } from '../../doubles/manual-clock.js'

const never = new Promise<never>(() => undefined)
const late = (): never => {
  throw new Error('late')
}

test('a deadline fires once after its time unless it is cancelled', async () => {
  const clock = new ManualClock()
  const met: string[] = []
  deadline(1000, () => met.push('a'), clock)
  const cancel = deadline(1000, () => met.push('b'), clock)
  await clock.advance(999)
  cancel()
  assert.deepEqual(met, [])
  await clock.advance(5000)
  assert.deepEqual(met, ['a'])
  assert.equal(clock.timers, 0)
})

for (const counts of [true, false]) {
  const where = counts ? 'counts' : 'does not count'
  test(`a deadline starts over after a machine sleep that the monotonic clock ${where}`, async () => {
    const clock = new ManualClock()
    let met = 0
    const cancel = deadline(1000, () => met++, clock)
    await clock.advance(900)
    await clock.sleep(60_000, { counts })
    await clock.advance(900)
    assert.equal(met, 0)
    await clock.advance(1100)
    assert.equal(met, 1)
    cancel()
  })

  test(`a machine sleep that the monotonic clock ${where} is not a stall`, async () => {
    const clock = new ManualClock()
    const stall = new Stall(1000, clock)
    await clock.advance(900)
    await clock.sleep(60_000, { counts })
    assert.equal(stall.isStalled, false)
    await stallsAfter(1000, stall, clock)
  })
}

/** Without progress, work is stalled after this time and not before. */
async function stallsAfter(ms: number, stall: Stall, clock: ManualClock): Promise<void> {
  await clock.advance(ms)
  assert.equal(stall.isStalled, false)
  await clock.advance(1)
  assert.equal(stall.isStalled, true)
}

test('work that makes progress is not a stall', async () => {
  const clock = new ManualClock()
  const stall = new Stall(1000, clock)
  await clock.advance(800)
  assert.equal(stall.moved(), 800)
  await stallsAfter(1000, stall, clock)
})

test('a timeout settles with the work when the work ends in time, and leaves no timer behind', async () => {
  const clock = new ManualClock()
  assert.equal(await withTimeout(Promise.resolve(1), 1000, late, clock), 1)
  await assert.rejects(withTimeout(Promise.reject(new Error('its own')), 1000, late, clock), /its own/)
  assert.equal(clock.timers, 0)
})

test('a timeout rejects with its error or resolves with its fallback when the time is over', async () => {
  const clock = new ManualClock()
  const rejected = assert.rejects(withTimeout(never, 1000, late, clock), /late/)
  const resolved = withTimeout<string>(never, 1000, () => 'pending', clock)
  await clock.advance(1000)
  await rejected
  assert.equal(await resolved, 'pending')
})

test('a timeout does not expire while the machine sleeps', async () => {
  const clock = new ManualClock()
  let answer!: (value: string) => void
  const work = withTimeout(new Promise<string>(resolve => (answer = resolve)), 1000, late, clock)
  await clock.sleep(60_000)
  await clock.advance(500)
  answer('here')
  assert.equal(await work, 'here')
})

test('a pause ends after its time, or at once with the reason of its abort signal', async () => {
  const clock = new ManualClock()
  const stop = new AbortController()
  let over = 0
  const whole = pause(1000, stop.signal, clock).then(() => over++)
  await clock.advance(999)
  assert.equal(over, 0)
  await clock.advance(1)
  await whole
  const broken = assert.rejects(pause(1000, stop.signal, clock), /stop it/)
  stop.abort(new Error('stop it'))
  await broken
  await assert.rejects(pause(1000, stop.signal, clock), /stop it/)
  assert.equal(clock.timers, 0)
})

test('abandoned work rejects with the abort reason, and its own later error is ignored', async () => {
  const stop = new AbortController()
  let fail!: (error: Error) => void
  const work = new Promise<never>((_, reject) => (fail = reject))
  const waited = assert.rejects(unlessAborted(work, stop.signal), /stop it/)
  stop.abort(new Error('stop it'))
  await waited
  fail(new Error('too late'))
  await turn()
  assert.equal(await unlessAborted(Promise.resolve(1), new AbortController().signal), 1)
})

test(
  'a time limit that only a combined signal refers to is not collected as garbage',
  { timeout: 10_000 },
  async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const clock = new ManualClock()
    const either = AbortSignal.any([timeoutSignal(1000, clock), new AbortController().signal])
    const ended = once(either, 'abort')
    for (let i = 0; i < 3; i++) {
      await turn()
      collect()
    }
    await clock.advance(1000)
    await ended
    assert.match(String(either.reason), /TimeoutError: it took more than 1000 ms/)
  }
)
