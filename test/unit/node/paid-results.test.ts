import assert from 'node:assert/strict'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { BushelError } from '../../../contracts/errors/error.js'
import { formatKey } from '../../../contracts/keys/key.js'
import type { JobView } from '../../../src/compute/buyer/jobs.js'
import { KeptOutputs } from '../../../src/compute/buyer/kept-outputs.js'
import { fillBid } from '../../../src/node/trade/stored-bid.js'
import { readJob } from '../../../src/node/api/compute/job-input.js'
import { answer } from '../../../src/node/api/calls.js'
import type { Progress } from '../../../src/node/api/api.js'
import type { JobResult } from '../../../src/node/api/compute/job-fields.js'
import type { NodeContext } from '../../../src/node/context.js'
import { Buyer, MARKET, code, never } from '../../parts/compute/buyer.js'
import { folder } from '../../parts/folder.js'

const PROGRAM = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])

/** A buyer behind the calls of a node, a program, and a place for results. */
async function node(t: TestContext) {
  const buyer = await Buyer.open(t)
  const dir = await folder(t)
  await writeFile(join(dir, 'job.wasm'), PROGRAM)
  const events: Progress[] = []
  const context = { onProgress: (event: Progress) => void events.push(event), signal: never }
  const market = { key: MARKET, inStep: () => Promise.resolve() }
  const parts = {
    home: { market: null },
    books: { markets: [market] },
    trade: () => Promise.resolve({ compute: { runs: buyer.jobs } })
  } as unknown as NodeContext
  const job = { module: join(dir, 'job.wasm'), args: [], limits: {}, verify: 1, maxMsat: '300000' }
  const run = (out?: string): Promise<JobResult> =>
    answer(parts, 'run', { ...job, force: false, ...(out === undefined ? {} : { out }) }, context)
  const fetch = (id: string, out?: string): Promise<JobResult> =>
    answer(parts, 'job.output', { id, force: false, ...(out === undefined ? {} : { out }) }, context)
  const printed = (): string =>
    events
      .flatMap(event => (event.event === 'output' && event.stream === 'stdout' ? [event.base64] : []))
      .join()
  const notes = (): string[] => events.flatMap(event => (event.event === 'note' ? [event.message] : []))
  return { buyer, dir, events, run, fetch, printed, notes, kept: new KeptOutputs(join(buyer.dir, 'compute')) }
}

/** Runs a job whose destination stops being one while the job runs. */
async function broken(t: TestContext) {
  const parts = await node(t)
  const { buyer, dir, run } = parts
  let begin = (): void => undefined
  const hold = new Promise<void>(resolve => (begin = resolve))
  buyer.fakes.add('a', { hold })
  const failed = run(join(dir, 'parent', 'out')).catch((error: BushelError) => error)
  await buyer.fakes.seen(/work a/)
  await writeFile(join(dir, 'parent'), 'a file now')
  begin()
  return { ...parts, error: (await failed) as BushelError }
}

test('a result whose destination breaks while the job runs is kept, and fetched without another payment', async t => {
  const { buyer, dir, fetch, error } = await broken(t)
  const [{ id, paidMsat, isKept }] = buyer.jobs.list() as [JobView]
  assert.equal(error.code, 'BAD_DEST')
  assert.match(error.message, /is paid and kept/)
  assert.equal(error.hint, `fetch it with: bushel job output ${formatKey(id).slice(0, 8)} --out DIR`)
  assert.ok(isKept)
  const result = await fetch(formatKey(id), join(dir, 'elsewhere'))
  assert.equal(await readFile(join(dir, 'elsewhere', 'result.txt'), 'utf8'), '42')
  assert.equal(result.paidMsat, String(paidMsat))
  assert.equal(buyer.fakes.count('agree'), 1)
})

test('the same command hands over a result that nobody has fetched, and buys anew once it was fetched', async t => {
  const { buyer, dir, run } = await broken(t)
  const first = await run(join(dir, 'out'))
  assert.equal(await readFile(join(dir, 'out', 'result.txt'), 'utf8'), '42')
  assert.equal(buyer.fakes.count('agree'), 1)
  const second = await run(join(dir, 'out'))
  assert.notEqual(second.id, first.id)
  assert.equal(buyer.fakes.count('agree'), 2)
})

test('a bid whose destination breaks is filled, and its result is kept', async t => {
  const { buyer, dir, fetch } = await node(t)
  buyer.fakes.add('a')
  await writeFile(join(dir, 'file'), '')
  const module = join(dir, 'job.wasm')
  const params = {
    module,
    args: [],
    limits: {},
    force: false,
    verify: 1,
    maxMsat: '300000',
    maxPrice: '9000000000'
  }
  const { fingerprint } = await readJob(params, never)
  for (const out of [join(dir, 'file'), join(dir, 'file', 'below')]) {
    const bid = {
      params: { ...params, out },
      market: formatKey(MARKET),
      fingerprint: fingerprint.toString('hex')
    }
    buyer.notes.length = 0
    await fillBid(buyer.jobs, Buffer.from(JSON.stringify(bid)), buyer.listener, never)
    assert.match(buyer.notes[0]!, /is paid and kept; fetch it with: bushel job output/)
    const { id } = buyer.jobs.list()[0]!
    await fetch(formatKey(id), `${out}.fetched`.replace('file/', ''))
  }
  assert.equal(buyer.fakes.count('agree'), 2)
})

test('files that no folder was given for can still be fetched, also after a restart', async t => {
  const { buyer, dir, run, fetch, notes, printed } = await node(t)
  buyer.fakes.add('a')
  const { id, out } = await run()
  assert.equal(out, null)
  assert.equal(printed(), Buffer.from('done\n').toString('base64'))
  assert.deepEqual(notes(), [
    `1 file(s) under /out were not written; fetch them with: bushel job output ${id.slice(0, 8)} --out DIR`
  ])
  await buyer.stop()
  await buyer.start()
  const again = await fetch(id, join(dir, 'out'))
  assert.equal(again.out, join(dir, 'out'))
  assert.equal(await readFile(join(dir, 'out', 'result.txt'), 'utf8'), '42')
})

test('no destination that cannot be written is paid for', async t => {
  const { buyer, dir, run, fetch } = await node(t)
  buyer.fakes.add('a')
  await writeFile(join(dir, 'file'), '')
  for (const [out, wanted] of [
    [join(dir, 'file'), 'IN_THE_WAY'],
    [join(dir, 'file', 'x'), 'BAD_DEST'],
    [join(dir, 'x'.repeat(256)), 'BAD_DEST'],
    ['/proc/x', 'BAD_DEST']
  ] as const)
    await assert.rejects(run(out), code(wanted), out)
  assert.deepEqual([buyer.fakes.log, buyer.jobs.list()], [[], []])
  await assert.rejects(fetch(formatKey(Buffer.alloc(32))), code('JOB_NOT_FOUND'))
})

test('fetched results are forgotten beyond a bound, the oldest first, and others never', async t => {
  const dir = await folder(t)
  const kept = new KeptOutputs(dir, { fetchedBytes: 250 })
  const ids = [1, 2, 3, 4].map(n => Buffer.alloc(32, n))
  const none = Buffer.alloc(0)
  for (const id of ids) await kept.keep(id, { stdout: Buffer.alloc(100), stderr: none, files: [] })
  await kept.prune(ids.slice(1))
  assert.deepEqual(
    ids.map(id => kept.has(id)),
    [true, true, true, false]
  )
  await assert.rejects(kept.read(ids[3]!), code('NOT_FOUND'))
  await kept.sweep(ids.slice(0, 1))
  assert.equal((await readdir(kept.folder)).length, 1)
})
