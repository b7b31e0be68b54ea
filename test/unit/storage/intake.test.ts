import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NoiseStream } from 'hyperdht'
import type { Lease } from '#spec'
import { UNSEALED_STALLS, UPLOAD_FLOOR } from '../../../src/base/bounds/bounds.js'
import { Intake } from '../../../src/storage/provider/intake.js'
import type { RepairSources } from '../../../src/storage/provider/repair-sources.js'
import { WAITS } from '../../../src/storage/lease/upload-wait.js'
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
  const counts = { attached: 0, rested: 0 }
  let told = (_: Uploaded): void => undefined
  const intake = new Intake({
    shelf: {
      attach: async () => void counts.attached++,
      fetch: async (_id, { onProgress }) => {
        told = onProgress
        return new Promise(() => undefined)
      },
      rest: async () => void counts.rested++,
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
    ...{ intake, lease, counts },
    told: (sum: Uploaded): void => told(sum),
    pass: (ms: number): void => void (now += ms),
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

test('a repair that no other copy feeds says so, joins them anew, and goes on when something comes', async () => {
  const { intake, lease, told, pass, counts } = await uploading()
  await intake.done(lease)
  let looks = 0
  let joins = 0
  const sources = { use: () => undefined, look: () => looks++, forget: () => joins++, close: () => undefined }
  intake.repair(lease, [], () => sources as unknown as RepairSources)
  const waits = async (): Promise<number | null> =>
    (await intake.progress(lease, {} as NoiseStream)).waits ?? null
  const attached = counts.attached
  assert.equal(await waits(), null)
  told({ blocks: 0, bytes: 0 })
  pass(9_999)
  assert.deepEqual([await waits(), joins], [null, 1])
  pass(1)
  assert.deepEqual([await waits(), counts.rested], [WAITS.source, 2])
  assert.deepEqual([await waits(), joins], [WAITS.source, 2], 'until something comes')
  told({ blocks: 0, bytes: 0 })
  told({ blocks: 1, bytes: 1000 })
  assert.equal(await waits(), null)
  assert.equal(counts.attached, attached, 'its buyer has nothing to upload')
  assert.ok(looks >= 4)
})
