import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import HyperDHT from 'hyperdht'
import type { NoiseStream } from 'hyperdht'
import createTestnet from 'hyperdht/testnet.js'
import type { Job, JobStatement } from '#spec'
import { encode } from '../../../contracts/schema/codec.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { jobId } from '../../../contracts/job.js'
import { loggerTo } from '../../../src/base/logger.js'
import type { LogLine } from '../../../src/base/logger.js'
import { BlobCache } from '../../../src/compute/blobs/cache.js'
import { Blobs } from '../../../src/compute/blobs/blobs.js'
import type { BlobsOptions } from '../../../src/compute/blobs/blobs.js'
import { JobRecords } from '../../../src/compute/job/job-records.js'
import { neededBlobs } from '../../../src/compute/blobs/needed.js'
import {
  packInput,
  packOutput,
  sumsOf,
  unpackInput,
  unpackOutput
} from '../../../src/compute/job/job-archive.js'
import { RunRecords, newRecord } from '../../../src/compute/buyer/run/run-records.js'
import { seal, unseal } from '../../../src/compute/job/encryption.js'
import { storeIn } from '../../parts/store/store-in.js'
import { guardMux } from '../../../src/network/mux.js'
import { MIB } from '../../parts/compute/jobs.js'
import { MOST_PER_TURN, workPerTurn } from '../../parts/compute/turns.js'
import { request } from '../../parts/compute/buyer.js'
import { never } from './pair/node-group.js'
import { agreed, terms } from '../../samples/job-terms.js'
import { JOB } from '../../../src/compute/job/job-state.js'
import type { JobStateName } from '../../../src/compute/job/job-state.js'
import { RUN } from '../../../src/compute/buyer/run/run-state.js'

const AGREEMENT = Buffer.alloc(32, 1)
const FROM = Buffer.alloc(32, 2)

async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-blobs-'))
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }))
  return dir
}

async function blobsIn(t: TestContext, dir: string, options: Partial<BlobsOptions> = {}): Promise<Blobs> {
  const store = storeIn(`${dir}.store`)
  await store.ready()
  const blobs = new Blobs({ folder: dir, store, stallMs: 5000, ...options })
  await blobs.ready()
  t.after(async () => {
    await blobs.close()
    await store.close()
  })
  return blobs
}

/** A provider's record of a job with this output. */
function stated(state: JobStateName, output: JobStatement['output']): Job {
  const [sum, signature] = [Buffer.alloc(32), Buffer.alloc(64)]
  const result = { status: 'ok', limit: '', reason: '', exitCode: 0, fuel: 0n, tree: sum, stdout: sum }
  const of = { agreement: sum, result, salt: sum, output, keyCommitment: sum, finalMsat: 0n, hash: sum }
  return { ...agreed(terms(1), state), statement: { statement: of, signature } }
}

/** A connection whose first end serves what its blobs allow. */
async function connected(t: TestContext, serving: Blobs): Promise<NoiseStream> {
  const testnet = await createTestnet(2, { host: '127.0.0.1' })
  const [one, other] = [0, 1].map(
    () => new HyperDHT({ bootstrap: testnet.bootstrap, host: '127.0.0.1', firewalled: false })
  ) as [HyperDHT, HyperDHT]
  const keyPair = crypto.keyPair()
  const server = one.createServer({}, stream => {
    stream.on('error', () => stream.destroy())
    guardMux(stream, { wrote: () => undefined }).pair({ protocol: 'hypercore/alpha' }, async discoveryKey => {
      if (discoveryKey) await serving.serve(discoveryKey, stream)
    })
  })
  await server.listen(keyPair)
  const stream = other.connect(keyPair.publicKey)
  stream.on('error', () => stream.destroy())
  Hypercore.createProtocolStream(stream)
  await stream.opened
  t.after(async () => {
    stream.destroy()
    await server.close()
    await Promise.all([one.destroy(), other.destroy()])
    await testnet.destroy()
  })
  return stream
}

test('a job archive has one canonical form and is read back without copying', async () => {
  const files = [
    { path: 'a', bytes: Buffer.alloc(0) },
    { path: 'ä/b', bytes: randomBytes(70_000) }
  ]
  const input = { stdin: randomBytes(300), files }
  const output = { stdout: randomBytes(70_000), stderr: Buffer.alloc(0), files }
  const packed = Buffer.concat(packInput(input))
  assert.ok(packed.equals(encode('job-input', input)))
  assert.ok(Buffer.concat(packOutput(output)).equals(encode('job-output', output)))
  const opened = await unpackInput(packed)
  assert.deepEqual(opened, input)
  assert.equal(opened.files[1]!.bytes.buffer, packed.buffer)
  assert.deepEqual(await unpackOutput(Buffer.concat(packOutput(output))), output)
  const { stdout } = await sumsOf(output)
  assert.equal(stdout.toString('hex'), createHash('sha256').update(output.stdout).digest('hex'))
})

test('hostile archive bytes are refused as malformed', async () => {
  const files = [{ path: 'a', bytes: randomBytes(9) }]
  const packed = Buffer.concat(packInput({ stdin: Buffer.from('in'), files }))
  const longWay = Buffer.concat([Buffer.from([0xfd, 2, 0]), packed.subarray(1)])
  const many = Buffer.from([0, 0xfe, 0xff, 0xff, 0xff, 0x7f])
  const bad = [longWay, many, Buffer.concat([packed, Buffer.from([0])]), Buffer.alloc(0)]
  for (let i = 0; i < packed.byteLength; i++) bad.push(packed.subarray(0, i))
  for (const bytes of bad) {
    await assert.rejects(
      unpackInput(bytes),
      (error: unknown) => error instanceof BushelError && error.code === 'MALFORMED'
    )
  }
})

test('a sealed output opens only with its key', async () => {
  const [key, other] = [randomBytes(32), randomBytes(32)]
  const text = [randomBytes(3 * MIB), Buffer.from('end')]
  const sealed = Buffer.concat(await seal(text, key))
  assert.ok((await unseal(sealed, key))!.equals(Buffer.concat(text)))
  assert.equal(await unseal(sealed, other), null)
  sealed[5]! ^= 1
  assert.equal(await unseal(sealed, key), null)
  assert.equal(await unseal(Buffer.alloc(3), key), null)
})

test('the cache drops the least recently used blobs and none that is in use', async t => {
  const dir = await folder(t)
  const blob = (i: number) => Buffer.alloc(1000, i)
  const sha = (i: number) => createHash('sha256').update(blob(i)).digest()
  const cache = new BlobCache({ folder: dir, bytes: 3000 })
  await cache.ready()
  for (const i of [1, 2, 3]) {
    await cache.write(FROM, sha(i), blob(i))
    if (i !== 2) await cache.release(FROM, sha(i))
  }
  await cache.read(FROM, sha(1))
  await cache.write(FROM, sha(4), blob(4))
  assert.deepEqual(
    [1, 2, 3, 4].map(i => cache.has(FROM, sha(i))),
    [true, true, false, true],
    '2 is older than 3, and in use'
  )
  assert.equal(cache.has(Buffer.alloc(32, 9), sha(1)), false, 'what one has sent is not had by another')
  await cache.close()
  const again = new BlobCache({ folder: dir, bytes: 2000 })
  await again.ready()
  assert.equal((await readdir(dir)).length, 2)
  assert.ok((await again.read(FROM, sha(4)))!.equals(blob(4)))
})

test('a blob that arrives twice at once is stored once, whole', async t => {
  const dir = await folder(t)
  const cache = new BlobCache({ folder: dir, bytes: 10 * MIB })
  await cache.ready()
  const bytes = randomBytes(3 * MIB)
  const sha256 = createHash('sha256').update(bytes).digest()
  await Promise.all([1, 2, 3].map(() => cache.write(FROM, sha256, bytes)))
  assert.ok((await cache.read(FROM, sha256))!.equals(bytes))
  assert.equal(cache.bytes, 3 * MIB)
  assert.equal((await readdir(dir)).length, 1)
})

test('a blob is sent once to the device that an agreement names, and is freed when it is dropped', async t => {
  const dir = await folder(t)
  const [mine, theirs] = [await blobsIn(t, join(dir, 'mine')), await blobsIn(t, join(dir, 'theirs'))]
  const bytes = randomBytes(600_000)
  const { ref } = await mine.put([bytes.subarray(0, 7), bytes.subarray(7)])
  assert.deepEqual([ref.length, ref.byteLength], [3, 600_000])
  const stream = await connected(t, mine)
  const fetching = { from: FROM, stream: async () => stream, signal: never }
  const device = stream.publicKey
  mine.grant(ref, device, AGREEMENT)
  await theirs.bring(ref, fetching)
  await theirs.bring(ref, fetching)
  assert.equal(theirs.fetched, 1)
  assert.ok((await theirs.cache.read(FROM, ref.sha256))!.equals(bytes))
  assert.equal(mine.wasSent(ref, device), true)
  await mine.drop(ref)
  assert.equal(await mine.holds(ref), false)
  const { ref: again } = await mine.put([bytes])
  assert.deepEqual(again, ref, 'the same bytes again are the same blob')
  assert.equal(await mine.holds(ref), true)
})

test('blobs without an agreement are dropped above their limit', async t => {
  const blobs = await blobsIn(t, join(await folder(t), 'own'), { ownBytes: 1500, freshMs: 0 })
  const refs = []
  for (const i of [1, 2, 3]) refs.push((await blobs.put([Buffer.alloc(1000, i)])).ref)
  blobs.grant(refs[0]!, FROM, AGREEMENT)
  await blobs.sweep()
  assert.deepEqual(await Promise.all(refs.map(ref => blobs.holds(ref))), [true, false, true])
})

test('blobs that an open run or job may need stay, however many there are', async t => {
  const dir = join(await folder(t), 'own')
  const store = storeIn(`${dir}.needed`)
  await store.ready()
  const [runs, jobs] = [new RunRecords(store), new JobRecords(store)]
  const needed = () => neededBlobs(runs, jobs)
  const blobs = await blobsIn(t, dir, { ownBytes: 0, freshMs: 0, needed })
  t.after(() => store.close())
  const put = async () => blobs.put([randomBytes(1000)])
  const [module, input, old, output, ended] = [
    await put(),
    await put(),
    await put(),
    await put(),
    await put()
  ]
  const record = newRecord(request(), { module, input }, 1)
  await runs.save(record)
  const over = newRecord(request(), { module, input: old }, 1)
  await runs.save(over)
  await runs.save({ ...over, state: RUN.done })
  const ends = async (job: Job, ...states: JobStateName[]): Promise<void> => {
    for (const state of states) await jobs.save({ ...job, state: JOB[state] })
  }
  await ends(stated('AGREED', output.ref), 'AGREED', 'QUEUED', 'COMMITTED')
  await ends(stated('AGREED', ended.ref), 'AGREED', 'ENDED')
  const held = async () => Promise.all([module, input, old, output, ended].map(({ ref }) => blobs.holds(ref)))
  await blobs.sweep()
  assert.deepEqual(await held(), [true, true, false, true, false])
  await runs.save({ ...record, state: RUN.cancelled })
  await blobs.sweep()
  assert.deepEqual(await held(), [false, false, false, true, false])
})

test('a run or a job in a state that cannot follow is logged and not written', async t => {
  const store = storeIn(join(await folder(t), 'store'))
  await store.ready()
  t.after(() => store.close())
  const errors: LogLine[] = []
  const log = loggerTo(line => errors.push(line), 'error')
  const [runs, jobs] = [new RunRecords(store, log), new JobRecords(store, Date.now, log)]
  const job = agreed(terms(1))
  assert.throws(() => jobs.change({ ...job, state: JOB.QUEUED }), /\(provider\) cannot begin as QUEUED/)
  await jobs.save(job)
  assert.throws(() => jobs.change({ ...job, state: JOB.PAID }), /cannot go from AGREED to PAID/)
  assert.equal(jobs.get('provider', jobId(job.terms))!.state, JOB.AGREED)
  const blobs = await blobsIn(t, join(await folder(t), 'own'), {})
  const blob = await blobs.put([randomBytes(1000)])
  const run = newRecord(request(), { module: blob, input: blob }, 1)
  await assert.rejects(runs.save({ ...run, state: RUN.done }), /a run \(buyer\) cannot begin as done/)
  await runs.save(run)
  await runs.save({ ...run, state: RUN.cancelled })
  await assert.rejects(runs.save(run), /cannot go from cancelled to open/)
  assert.equal(runs.get(run.id)!.state, RUN.cancelled)
  assert.equal(errors.length, 4)
})

test('a blob that is put again during a sweep is kept', async t => {
  const dir = join(await folder(t), 'own')
  const store = storeIn(`${dir}.store`)
  await store.ready()
  const before = new Blobs({ folder: dir, store })
  const bytes = [1, 2, 3].map(i => Buffer.alloc(1000, i))
  for (const part of bytes) await before.put([part])
  await before.close()
  const blobs = new Blobs({ folder: dir, store, ownBytes: 0 })
  t.after(async () => {
    await blobs.close()
    await store.close()
  })
  const [, again] = await Promise.all([blobs.sweep(), blobs.put([bytes[2]!])])
  assert.equal(await blobs.holds(again.ref), true)
})

test('packing a blob of 100 MiB does not block the event loop', { timeout: 120_000 }, async t => {
  const dir = await folder(t)
  const [mine, theirs] = [await blobsIn(t, join(dir, 'mine')), await blobsIn(t, join(dir, 'theirs'))]
  const stream = await connected(t, mine)
  const stdin = Buffer.alloc(100 * MIB)
  for (let at = 0; at < stdin.byteLength; at += MIB) randomBytes(MIB).copy(stdin, at)
  const meter = workPerTurn()
  const { ref } = await mine.put(packInput({ stdin, files: [] }))
  mine.grant(ref, stream.publicKey, AGREEMENT)
  await theirs.bring(ref, { from: FROM, stream: async () => stream, signal: never })
  const bytes = await theirs.cache.read(FROM, ref.sha256)
  const opened = await unpackInput(bytes!)
  await sumsOf({ stdout: opened.stdin, files: [] })
  const { most } = meter.stop()
  assert.ok(opened.stdin.equals(stdin))
  t.diagnostic(`at most ${most} bytes in one turn of the loop`)
  assert.ok(most <= MOST_PER_TURN, `${most} bytes in one turn of the loop`)
})
