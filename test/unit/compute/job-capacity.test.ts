import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Job } from '#spec'
import { GIB, MIB } from '../../../contracts/money/quantity.js'
import { fullnessFor } from '../../../src/compute/provider/capacity.js'
import { BUYER, agreed, terms } from '../../samples/job-terms.js'

test('disk space is promised once: agreed blobs that are not fetched yet count', () => {
  const open: Job[] = []
  for (const state of ['AGREED', 'QUEUED', 'AGREED'] as const) {
    const asked = terms(GIB)
    assert.equal(fullnessFor(asked, open, 4), null)
    open.push(agreed(asked, state))
  }
  assert.equal(
    fullnessFor(terms(GIB), open, 4),
    'the disk has no room for the inputs and results of more jobs'
  )
  assert.equal(fullnessFor(terms(MIB), open, 4), null)
  assert.equal(
    fullnessFor(terms(GIB), [agreed(open[0]!.terms, 'COMMITTED'), ...open.slice(1)], 4),
    null,
    'a job that was run needs its input no more'
  )
})

test('blobs shared by several jobs of one buyer count once', () => {
  const shared = randomBytes(32)
  const open = Array.from({ length: 6 }, () => agreed(terms(GIB, BUYER, shared), 'QUEUED'))
  assert.equal(fullnessFor(terms(GIB, BUYER, shared), open, 4), null)
  const others = open.map(({ terms: of }) => agreed({ ...of, buyer: terms(0).buyer }, 'QUEUED'))
  assert.equal(
    fullnessFor(terms(GIB, BUYER, shared), others, 4),
    'the disk has no room for the inputs and results of more jobs'
  )
})

test('every payable agreement has a place in the queue', () => {
  const open = Array.from({ length: 17 }, () => agreed(terms(MIB)))
  assert.equal(fullnessFor(terms(MIB), open.slice(1), 1), null)
  assert.equal(fullnessFor(terms(MIB), open, 1), 'the queue of jobs is full')
})
