import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NoiseStream } from 'hyperdht'
import type { Lease } from '#spec'
import { UNSEALED_STALLS, UPLOAD_FLOOR } from '../../../src/base/bounds/bounds.js'
import { Intake } from '../../../src/storage/provider/intake.js'
import type { Uploaded } from '../../../src/storage/provider/intake.js'
import { LEASE } from '../../../src/storage/lease/lease-state.js'
import { isDue } from '../../../src/storage/provider/due.js'
import { faultLog } from '../../doubles/fault-log.js'
import { leaseTerms, partiesOf } from '../../samples/evidence/parties.js'
import { person } from '../../samples/people.js'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const BEGAN = 1_000_000_000_000

/** A lease that was paid once, whose upload has begun, and a clock. */
async function uploading() {
  const [[buyer], [provider]] = await Promise.all([person(), person()])
  const terms = {
    ...leaseTerms({ ...partiesOf(buyer!, provider!), countersignBy: BEGAN }),
    grace: 1000 * HOUR
  }
  const begun = { role: 'provider', state: LEASE.ACTIVE, created: BEGAN, committed: BEGAN, start: 0 }
  const lease: Lease = { ...begun, terms, signature: Buffer.alloc(64) }
  let now = BEGAN
  let told = (_: Uploaded): void => undefined
  const intake = new Intake({
    shelf: {
      attach: async () => undefined,
      fetch: async (_id, { onProgress }) => {
        told = onProgress
        return new Promise(() => undefined)
      },
      rest: async () => undefined,
      paused: new Set()
    },
    onviolation: async () => undefined,
    since: ({ committed }) => committed,
    now: () => now,
    log: faultLog(() => assert.fail('a fault'))
  })
  await intake.progress(lease, {} as NoiseStream)
  told({ blocks: 0, bytes: 0 })
  const sum: Uploaded = { blocks: 0, bytes: 0 }
  return {
    /** One more block of so many bytes comes after so long. */
    comes: (bytes: number, after: number): void => {
      now += after
      sum.blocks++
      sum.bytes += bytes
      told({ ...sum })
    },
    /** Whether it is let go, with all that it is to pay paid. */
    isLetGo: (after = 0): boolean => isDue(lease, 64, now + after, Math.max(BEGAN, intake.movedAt(lease)))
  }
}

test('an upload that trickles is let go in two hours, and the time that its bytes take at the floor', async () => {
  const { comes, isLetGo } = await uploading()
  for (let i = 0; i < 7; i++) comes(UPLOAD_FLOOR, 15 * MINUTE) // a second's worth each
  assert.equal(isLetGo(), false)
  assert.equal(isLetGo(UNSEALED_STALLS - 7 * 15 * MINUTE + 7000), false)
  assert.equal(isLetGo(UNSEALED_STALLS - 7 * 15 * MINUTE + 7001), true)
})

test('an upload at the floor is kept as long as it takes, and one that was away catches up at once', async () => {
  const { comes, isLetGo } = await uploading()
  for (let i = 0; i < 10; i++) comes(UPLOAD_FLOOR * 3600, HOUR)
  assert.equal(isLetGo(UNSEALED_STALLS), false)
  assert.equal(isLetGo(UNSEALED_STALLS + 1), true)
  comes(UPLOAD_FLOOR * 3600, 2 * HOUR)
  assert.equal(isLetGo(), false)
  assert.equal(isLetGo(HOUR), false)
  assert.equal(isLetGo(HOUR + 1), true, 'it is an hour behind')
})

test('bytes that come faster than the floor do not earn time ahead', async () => {
  const { comes, isLetGo } = await uploading()
  comes(UPLOAD_FLOOR * 36_000, MINUTE)
  assert.equal(isLetGo(UNSEALED_STALLS), false)
  assert.equal(isLetGo(UNSEALED_STALLS + 1), true)
})
