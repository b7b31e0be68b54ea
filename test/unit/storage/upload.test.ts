import assert from 'node:assert/strict'
import { test } from 'node:test'
import crypto from 'hypercore-crypto'
import { BushelError } from '../../../contracts/errors/error.js'
import { Declined } from '../../../src/deal/decline.js'
import { Upload } from '../../../src/storage/buyer/upload.js'
import type { UploadOptions } from '../../../src/storage/buyer/upload.js'
import { WAITS } from '../../../src/storage/lease/upload-wait.js'
import { TIMEOUTS } from '../../../src/storage/lease/timeouts.js'
import { ManualClock } from '../../doubles/manual-clock.js'

const TOTAL = 10

/** An upload to a provider that has the given number of blocks, and never seals. */
function uploading(total = TOTAL): {
  clock: ManualClock
  state: { blocks: number; error: BushelError | null; waits: number }
  notes: string[]
  run: Promise<void>
  stop: AbortController
} {
  const clock = new ManualClock()
  const state = { blocks: 0, error: null as BushelError | null, waits: 0 }
  const notes: string[] = []
  const stop = new AbortController()
  const channel = {
    stream: {},
    request: (method: string) =>
      state.error || method === 'seal'
        ? Promise.reject(state.error ?? new Declined('a provider', 'INCOMPLETE', 'not yet'))
        : Promise.resolve({ blocks: state.blocks, bytes: state.blocks * 100, waits: state.waits })
  }
  const lease = { state: 'ACTIVE', terms: { cores: [{ length: total, byteLength: total * 100 }] } }
  const options = {
    context: { leases: { get: () => lease }, deals: { self: { device: crypto.keyPair() } } },
    id: Buffer.alloc(32),
    provider: Buffer.alloc(32),
    name: 'a provider',
    timeouts: TIMEOUTS,
    clock,
    channel: () => Promise.resolve(channel),
    tell: () => Promise.resolve(),
    lie: (why: string) => new BushelError('FAILED', why)
  } as unknown as UploadOptions
  const packedDrive = { attach: () => Promise.resolve(), seals: () => Promise.resolve([]) }
  const note = (message: string): void => void notes.push(message)
  const run = new Upload(options).run(packedDrive, { bytes: () => undefined, note }, stop.signal)
  run.catch(() => undefined) // it is awaited later
  return { clock, state, notes, run, stop }
}

for (const counts of [true, false]) {
  const where = counts ? 'counts' : 'does not count'
  test(`a provider is not given up because of a machine sleep that the monotonic clock ${where}`, async () => {
    const { clock, state, run, stop } = uploading()
    state.blocks = 3
    await clock.advance(1000)
    await clock.sleep(2 * TIMEOUTS.upload, { counts })
    await clock.advance(TIMEOUTS.upload - 1000)
    state.blocks = 6
    await clock.advance(TIMEOUTS.upload - 1000)
    stop.abort(new Error('the test is over'))
    await assert.rejects(run, /the test is over/)
  })
}

test('a provider that answers and takes no more blocks is given up and blamed when its time is over', async () => {
  const { clock, state, run } = uploading()
  state.blocks = 3
  await clock.advance(1000)
  await clock.advance(TIMEOUTS.upload + 1000)
  await assert.rejects(run, { code: 'UPLOAD_STALLED', kind: 'peer' })
})

test('a provider that claims ever more blocks than there are, and does not sign, is given up', async () => {
  const { clock, state, run } = uploading()
  for (let waited = 0; waited <= 2 * TIMEOUTS.upload; waited += 1000) {
    state.blocks = TOTAL + waited
    await clock.advance(1000)
  }
  await assert.rejects(Promise.race([run, Promise.resolve()]), { code: 'UPLOAD_STALLED' })
})

test('a provider that takes a block now and then is given up, and not blamed: our own network may be slow', async () => {
  const { clock, state, run } = uploading(1000)
  for (let waited = 0; waited < 12 * TIMEOUTS.upload; waited += TIMEOUTS.upload / 2) {
    state.blocks++
    await clock.advance(TIMEOUTS.upload / 2)
  }
  await assert.rejects(Promise.race([run, Promise.resolve()]), { code: 'STALLED' })
})

for (const code of ['PEER_UNREACHABLE', 'PEER_GONE', 'TIMEOUT'] as const)
  test(`a provider that is left because of ${code} is not blamed: our own network may be away`, async () => {
    const { clock, state, run } = uploading()
    state.blocks = 3
    await clock.advance(1000)
    state.error = new BushelError(code, 'no network')
    await clock.advance(TIMEOUTS.upload / 2)
    state.error = null // it is back, and the time that is left is too short for anybody
    await clock.advance(TIMEOUTS.upload / 2 + 1000)
    await assert.rejects(run, { code: 'STALLED', kind: 'passing' })
  })

test('an answer with progress makes up for silence', async () => {
  const { clock, state, run } = uploading()
  state.error = new BushelError('PEER_GONE', 'no network')
  await clock.advance(1000)
  Object.assign(state, { error: null, blocks: 3 })
  await clock.advance(TIMEOUTS.upload + 2000)
  await assert.rejects(run, { code: 'UPLOAD_STALLED' })
})

test('a provider that says that it waits is told of at once, waited for, and told of again when it goes on', async () => {
  const { clock, state, notes, run, stop } = uploading()
  state.blocks = 3
  await clock.advance(1000)
  assert.deepEqual(notes, [])
  state.waits = WAITS.disk
  await clock.advance(1000)
  assert.deepEqual(notes, [
    'provider a provider has paused the upload: its disk is full; it goes on when there is room'
  ])
  await clock.advance(3 * TIMEOUTS.upload)
  state.waits = 0
  await clock.advance(1000)
  assert.equal(notes.length, 2)
  assert.equal(notes[1], 'the upload to provider a provider goes on')
  state.blocks = 6
  await clock.advance(TIMEOUTS.upload - 1000)
  stop.abort(new Error('the test is over'))
  await assert.rejects(run, /the test is over/)
})

test('a provider that says for ever that it waits is left, with the reason, and not blamed', async () => {
  const { clock, state, notes, run } = uploading()
  state.waits = 77 // of a later version, or of nobody's
  for (let waited = 0; waited < 12 * TIMEOUTS.upload; waited += TIMEOUTS.upload / 2)
    await clock.advance(TIMEOUTS.upload / 2)
  await assert.rejects(Promise.race([run, Promise.resolve()]), {
    code: 'STALLED',
    kind: 'passing',
    message: 'the upload to a provider is still paused: it does not say why'
  })
  assert.equal(notes.length, 1)
})
