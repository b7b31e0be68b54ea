import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Outcomes } from '../../../src/lightning/backends/play/outcomes.js'
import type { PaymentReport } from '../../../src/lightning/backends/play/messages.js'

const hash = Buffer.alloc(32, 1)
const failed = (attempt: number): PaymentReport => ({ state: { status: 'failed', reason: 'x' }, attempt })
const success = { status: 'succeeded', preimage: hash, feeMsat: 0n } as const

/** What has been settled after everything that is due has run. */
async function now<T>(promise: Promise<T>): Promise<T | null> {
  return await Promise.race([promise, new Promise<null>(resolve => setImmediate(() => resolve(null)))])
}

test('the failure of an earlier attempt is not taken for that of the present one', async () => {
  const outcomes = new Outcomes()
  const { final } = outcomes.watch(hash)
  outcomes.tell(hash, failed(1))
  const state = final(2)
  outcomes.tell(hash, failed(1))
  assert.equal(await now(state), null)
  outcomes.tell(hash, failed(2))
  assert.deepEqual(await now(state), failed(2).state)
})

test('what was told before it was asked for is not lost', async () => {
  const outcomes = new Outcomes()
  const { final } = outcomes.watch(hash)
  outcomes.tell(hash, failed(3))
  assert.deepEqual(await now(final(3)), failed(3).state)
})

test('a success is final for everybody, and a pending state for nobody', async () => {
  const outcomes = new Outcomes()
  const waits = [1, 2].map(attempt => outcomes.watch(hash).final(attempt))
  outcomes.tell(hash, { state: { status: 'pending' }, attempt: 2 })
  assert.equal(await now(Promise.race(waits)), null)
  outcomes.tell(hash, { state: success, attempt: 1 })
  assert.deepEqual(await Promise.all(waits), [success, success])
})

test('at the end everybody is told that it is still under way', async () => {
  const outcomes = new Outcomes()
  const { final, stop } = outcomes.watch(hash)
  const state = final(1)
  outcomes.end()
  assert.deepEqual(await now(state), { status: 'pending' })
  assert.deepEqual(outcomes.hashes(), [hash])
  stop()
  assert.deepEqual(outcomes.hashes(), [])
})

test('while it may still be sent, nothing is said to have failed or to be unknown', () => {
  const outcomes = new Outcomes()
  outcomes.asked(hash)
  outcomes.asked(hash)
  outcomes.answered(hash)
  assert.deepEqual(outcomes.truth(hash, { status: 'unknown' }), { status: 'pending' })
  assert.deepEqual(outcomes.truth(hash, failed(1).state), { status: 'pending' })
  assert.deepEqual(outcomes.truth(hash, success), success)
  outcomes.answered(hash)
  assert.deepEqual(outcomes.truth(hash, { status: 'unknown' }), { status: 'unknown' })
})
