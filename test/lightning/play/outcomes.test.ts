import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Outcomes } from '../../../src/lightning/backends/play/outcomes.js'
import type { PaymentReport } from '../../../src/lightning/backends/play/messages.js'

const hash = Buffer.alloc(32, 1)
const failed = (attempt: number): PaymentReport => ({ state: { status: 'failed', reason: 'x' }, attempt })
const success = { status: 'succeeded', preimage: hash, feeMsat: 0n } as const

/** The value of a promise that has settled once everything due has run; null otherwise. */
async function now<T>(promise: Promise<T>): Promise<T | null> {
  return await Promise.race([promise, new Promise<null>(resolve => setImmediate(() => resolve(null)))])
}

test('the failure of an earlier attempt is not taken for that of the current one', async () => {
  const outcomes = new Outcomes()
  const { final } = outcomes.watch(hash)
  outcomes.tell(hash, failed(1))
  const state = final(2)
  outcomes.tell(hash, failed(1))
  assert.equal(await now(state), null)
  outcomes.tell(hash, failed(2))
  assert.deepEqual(await now(state), failed(2).state)
})

test('an outcome that is reported before it is awaited is not lost', async () => {
  const outcomes = new Outcomes()
  const { final } = outcomes.watch(hash)
  outcomes.tell(hash, failed(3))
  assert.deepEqual(await now(final(3)), failed(3).state)
})

test('a success is final for every waiter, and a pending state for none', async () => {
  const outcomes = new Outcomes()
  const waits = [1, 2].map(attempt => outcomes.watch(hash).final(attempt))
  outcomes.tell(hash, { state: { status: 'pending' }, attempt: 2 })
  assert.equal(await now(Promise.race(waits)), null)
  outcomes.tell(hash, { state: success, attempt: 1 })
  assert.deepEqual(await Promise.all(waits), [success, success])
})

test('at the end every waiter learns that the payment is still pending', async () => {
  const outcomes = new Outcomes()
  const { final, stop } = outcomes.watch(hash)
  const state = final(1)
  outcomes.end()
  assert.deepEqual(await now(state), { status: 'pending' })
  assert.deepEqual(outcomes.hashes(), [hash])
  stop()
  assert.deepEqual(outcomes.hashes(), [])
})

test('a payment that may still be sent is not reported as failed or unknown', () => {
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
