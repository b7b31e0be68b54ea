import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Outcomes } from '../../../../src/lightning/backends/play/outcomes.js'
import type { PaymentReport } from '../../../../src/lightning/backends/play/messages.js'

const hash = Buffer.alloc(32, 1)
const failed = (attempt: number): PaymentReport => ({ state: { status: 'failed', reason: 'x' }, attempt })
const success = { status: 'succeeded', preimage: hash, feeMsat: 0n } as const

/** The value of a promise that has settled once everything due has run; null otherwise. */
async function now<T>(promise: Promise<T>): Promise<T | null> {
  return await Promise.race([promise, new Promise<null>(resolve => setImmediate(() => resolve(null)))])
}

test('the failure of an earlier attempt does not end a watcher of the current one', async () => {
  const outcomes = new Outcomes()
  const { final } = outcomes.watch(hash)
  outcomes.report(hash, failed(1))
  const state = final(2)
  outcomes.report(hash, failed(1))
  assert.equal(await now(state), null)
  outcomes.report(hash, failed(2))
  assert.deepEqual(await now(state), failed(2).state)
})

test('an outcome that is reported before it is awaited is not lost', async () => {
  const outcomes = new Outcomes()
  const { final } = outcomes.watch(hash)
  outcomes.report(hash, failed(3))
  assert.deepEqual(await now(final(3)), failed(3).state)
})

test('a success ends the watchers of every attempt, a pending state none', async () => {
  const outcomes = new Outcomes()
  const waits = [1, 2].map(attempt => outcomes.watch(hash).final(attempt))
  outcomes.report(hash, { state: { status: 'pending' }, attempt: 2 })
  assert.equal(await now(Promise.race(waits)), null)
  outcomes.report(hash, { state: success, attempt: 1 })
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
  outcomes.payRequested(hash)
  outcomes.payRequested(hash)
  outcomes.payAnswered(hash)
  assert.deepEqual(outcomes.visibleState(hash, { status: 'unknown' }), { status: 'pending' })
  assert.deepEqual(outcomes.visibleState(hash, failed(1).state), { status: 'pending' })
  assert.deepEqual(outcomes.visibleState(hash, success), success)
  outcomes.payAnswered(hash)
  assert.deepEqual(outcomes.visibleState(hash, { status: 'unknown' }), { status: 'unknown' })
})
