import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DAY, MINUTE } from '../../../contracts/money/quantity.js'
import { trustedNow } from '../../../src/base/time/trusted-time.js'

const root = fileURLToPath(new URL('../../../../src/', import.meta.url))

/** Files that read the wall clock itself: for what is logged, shown or measured, and nothing is decided by it. */
const MAY_READ = [
  'base/clock.ts',
  'base/logger.ts',
  'base/time/trusted-time.ts',
  'cli/',
  'compute/blobs/cache.ts',
  'daemon/log/open-log.ts',
  'files/steady.ts',
  'identity/home.ts',
  'lightning/backends/play/child/',
  'node/api/orders.ts',
  'node/throttle.ts',
  'storage/buyer/mirrors.ts'
]

test('leases, orders, payments and ticks do not read the wall clock, which may be wrong for a minute', () => {
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.ts')
  )
  assert.ok(sources.length > 300)
  const reading = sources.filter(name => readFileSync(join(root, name), 'utf8').includes('Date.now'))
  const others = reading.filter(name => !MAY_READ.some(allowed => name.startsWith(allowed)))
  assert.deepEqual(others, [], 'use trustedNow')
  assert.deepEqual(
    MAY_READ.filter(allowed => !reading.some(name => name.startsWith(allowed))),
    []
  )
})

test('the time of this process does not follow a wall clock that is set', t => {
  const before = trustedNow()
  const wall = Date.now
  t.after(() => (Date.now = wall))
  Date.now = () => wall() + 45 * DAY
  assert.ok(trustedNow() - before < MINUTE)
  Date.now = wall
  assert.ok(trustedNow() - before < MINUTE)
})
