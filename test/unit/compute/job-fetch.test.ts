import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Job } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { workOn } from '../../../src/compute/provider/job/work.js'
import type { WorkOptions } from '../../../src/compute/provider/job/work.js'
import { ManualClock } from '../../doubles/manual-clock.js'

const FETCH_MS = 60_000

/**
 * Work on a job whose buyer is away until the test brings it back; it ends with "it was fetched" once all
 * blobs are here.
 */
function fetching(): { clock: ManualClock; buyer: { isHere: boolean }; work: Promise<void> } {
  const clock = new ManualClock()
  const buyer = { isHere: false }
  const bring = (): Promise<void> =>
    buyer.isHere ? Promise.resolve() : Promise.reject(new BushelError('PEER_UNREACHABLE', 'away'))
  const options = {
    blobs: { bring, cache: { release: () => Promise.resolve() } },
    slots: { enter: () => Promise.reject(new Error('it was fetched')) },
    tell: () => undefined,
    signal: new AbortController().signal,
    fetchMs: FETCH_MS,
    clock
  } as unknown as WorkOptions
  const limits = { memory: 1n, outputBytes: 0 }
  const job = {
    runs: 0,
    terms: { buyer: { identity: Buffer.alloc(32) }, module: {}, input: {}, limits }
  } as unknown as Job
  const work = workOn(job, options)
  work.catch(() => undefined) // awaited later
  return { clock, buyer, work }
}

test('a buyer that is away for too long is given up', async () => {
  const { clock, work } = fetching()
  await clock.advance(FETCH_MS + 2000)
  await assert.rejects(work, { code: 'PEER_UNREACHABLE' })
})

test('a buyer is not given up because this machine slept', async () => {
  const { clock, buyer, work } = fetching()
  await clock.advance(FETCH_MS - 2000)
  await clock.sleep(3_600_000)
  await clock.advance(FETCH_MS - 2000)
  buyer.isHere = true
  await clock.advance(2000)
  await assert.rejects(work, /it was fetched/)
})
