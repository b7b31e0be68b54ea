import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Job } from '#spec'
import { GIB, MIB } from '../../../contracts/money/quantity.js'
import { missingFor, queueFault } from '../../../src/compute/provider/capacity.js'
import { BUYER, agreed, terms } from '../../samples/job-terms.js'

test('disk space is promised once: agreed blobs that are not fetched yet count', () => {
  const open: Job[] = []
  for (const state of ['AGREED', 'QUEUED', 'AGREED'] as const) {
    const asked = terms(GIB)
    assert.ok(missingFor(asked, open) <= 0)
    open.push(agreed(asked, state))
  }
  assert.ok(missingFor(terms(GIB), open) > 0)
  assert.ok(missingFor(terms(MIB), open) <= 0)
  const run = [agreed(open[0]!.terms, 'COMMITTED'), ...open.slice(1)]
  assert.ok(missingFor(terms(GIB), run) <= 0, 'a job that was run needs its input no more')
})

test('blobs shared by several jobs of one buyer count once', () => {
  const shared = randomBytes(32)
  const open = Array.from({ length: 6 }, () => agreed(terms(GIB, BUYER, shared), 'QUEUED'))
  assert.ok(missingFor(terms(GIB, BUYER, shared), open) <= 0)
  const others = open.map(({ terms: of }) => agreed({ ...of, buyer: terms(0).buyer }, 'QUEUED'))
  assert.ok(missingFor(terms(GIB, BUYER, shared), others) > 0)
})

test('the queue is full of paid jobs only', () => {
  const paid = Array.from({ length: 17 }, () => agreed(terms(MIB), 'QUEUED'))
  const unpaid = Array.from({ length: 40 }, () => agreed(terms(MIB)))
  assert.equal(queueFault([...paid.slice(1), ...unpaid], 1), null)
  assert.equal(queueFault(paid, 1), 'the queue of jobs is full')
})
