import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Job, JobTerms } from '#spec'
import { BLOB_BLOCK_BYTES } from '../../contracts/job.js'
import { GIB, MIB } from '../../contracts/quantity.js'
import { fullnessFor } from '../../src/compute/job-capacity.js'
import { DEFAULT_LIMITS } from '../../src/compute/sandbox/job.js'

const BUYER = randomBytes(32)

function terms(inputBytes: number, buyer = randomBytes(32), sha256 = randomBytes(32)): JobTerms {
  const blob = (byteLength: number, of: Buffer): JobTerms['input'] => {
    return { key: of, length: Math.ceil(byteLength / BLOB_BLOCK_BYTES), byteLength, sha256: of }
  }
  const lightning = Buffer.alloc(33, 2)
  const party = (identity: Buffer) => ({ identity, device: identity, lightning })
  return {
    ...{ version: 1, nonce: randomBytes(32), market: BUYER, ask: BUYER, network: 'play-1' },
    ...{ buyer: party(buyer), provider: party(BUYER), fuel: 'fuel/1', isolation: 'process' },
    ...{ module: blob(MIB, BUYER), input: blob(inputBytes, sha256), args: [], seed: BUYER },
    limits: DEFAULT_LIMITS,
    ...{ price: 1n, baseMsat: 1n, sliceStartMsat: 1n, sliceCapMsat: 1n, maxMsat: 1n },
    ...{ countersignBy: 1, startBy: 2 }
  }
}

function agreed(terms: JobTerms, state = 'AGREED'): Job {
  const signature = Buffer.alloc(64)
  return { role: 'provider', state, created: 0, changed: 0, runs: 0, terms, signature }
}

test('the disk is promised once: what is agreed on and not fetched yet counts', () => {
  const open: Job[] = []
  for (const state of ['AGREED', 'QUEUED', 'AGREED']) {
    const asked = terms(GIB)
    assert.equal(fullnessFor(asked, open, 4), null)
    open.push(agreed(asked, state))
  }
  assert.equal(fullnessFor(terms(GIB), open, 4), 'the disk has no more room')
  assert.equal(fullnessFor(terms(MIB), open, 4), null)
  assert.equal(
    fullnessFor(terms(GIB), [agreed(open[0]!.terms, 'COMMITTED'), ...open.slice(1)], 4),
    null,
    'a job that was run needs its input no more'
  )
})

test('what several jobs of one buyer share is there once', () => {
  const shared = randomBytes(32)
  const open = Array.from({ length: 6 }, () => agreed(terms(GIB, BUYER, shared), 'QUEUED'))
  assert.equal(fullnessFor(terms(GIB, BUYER, shared), open, 4), null)
  const others = open.map(({ terms: of }) => agreed({ ...of, buyer: terms(0).buyer }, 'QUEUED'))
  assert.equal(fullnessFor(terms(GIB, BUYER, shared), others, 4), 'the disk has no more room')
})

test('every agreement that can be paid has its place in the queue', () => {
  const open = Array.from({ length: 17 }, () => agreed(terms(MIB)))
  assert.equal(fullnessFor(terms(MIB), open.slice(1), 1), null)
  assert.equal(fullnessFor(terms(MIB), open, 1), 'the queue is full')
})
