import assert from 'node:assert/strict'
import { copyFile, mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import type { ComputeBook } from '../../src/node/api.js'
import type { JobEntry, JobResult, LocalResult, MapResult, RunEstimate } from '../../src/node/compute-api.js'
import { program } from '../compute/jobs.js'
import { World } from '../helpers/world.js'

const SELL = ['sell', 'compute', '--cores', '1', '--memory', '1GiB', '--allow-process']
/** So long the program of these tests works, in KiB that it hashes. */
const SOON = '1024'

async function seller(world: World, name: string, market: string, price: string): Promise<void> {
  await world.join(name, market)
  await world.ok(name, [...SELL, '--price', price])
}

async function bookWhen(
  world: World,
  name: string,
  is: (book: ComputeBook) => boolean
): Promise<ComputeBook> {
  const watching = world.processes.start(['book', 'compute', '--watch'], { home: world.at(name) })
  try {
    const line = await watching.line(line => 'asks' in line && is(line as unknown as ComputeBook))
    return line as unknown as ComputeBook
  } finally {
    await watching.kill('SIGINT')
  }
}

test('a job is priced at home, run by strangers, compared, and paid', { timeout: 240_000 }, async t => {
  const world = await World.open(t)
  const market = await world.found('founder', 'bazaar')
  const prices = { one: '40 sat/Gfuel', two: '50 sat/Gfuel', three: '60 sat/Gfuel' }
  for (const [name, price] of Object.entries(prices)) await seller(world, name, market, price)
  await world.join('buyer', market)
  const module = world.at('sha256.wasm')
  await writeFile(module, program('sha256'))
  const book = await bookWhen(world, 'buyer', ({ asks }) => asks.length === 3)
  assert.deepEqual(
    book.asks.map(({ price, baseMsat, cores }) => [price, baseMsat, cores]),
    [40, 50, 60].map(sat => [String(sat * 1_000_000), '1000', 1])
  )

  const local = await world.ok<LocalResult & { cost: { msat: string; price: string } }>('buyer', [
    ...['run', module, '--local', '--', SOON]
  ])
  assert.equal(local.cost.price, '40000000')
  const fuel = BigInt(local.fuel)
  const exact = (price: bigint): bigint =>
    1000n + (fuel * price * 1_000_000n + 999_999_999_999n) / 1_000_000_000_000n
  assert.equal(BigInt(local.cost.msat), exact(40n))

  const most = ['--max', '60 sat']
  const dry = await world.ok<RunEstimate>('buyer', ['run', module, '--verify', '3', ...most, '--dry-run'])
  assert.deepEqual([dry.providers, dry.jobs, dry.maxMsat], [3, 1, '60000'])

  const before = await world.wallet('buyer')
  const command = ['run', module, '--verify', '3', ...most, '--', SOON]
  const { code, lines, result } = await world.run('buyer', command)
  const bought = result as unknown as JobResult
  assert.equal(code, 0, JSON.stringify(result))
  assert.deepEqual([bought.status, bought.exitCode], ['ok', 0])
  assert.equal(bought.fuel, local.fuel, 'what it used at home it uses anywhere')
  assert.equal(bought.hash, local.hash)
  assert.equal(bought.providers.length, 3)
  assert.ok(bought.providers.every(({ verdict, hash }) => verdict === 'equal' && hash === local.hash))
  const paid = bought.providers.reduce((sum, provider) => sum + BigInt(provider.paid), 0n)
  assert.equal(paid, BigInt(bought.paidMsat))
  assert.equal(paid, exact(40n) + exact(50n) + exact(60n), 'each at its own price, exactly')
  const after = await world.wallet('buyer')
  assert.ok(after.spendable < before.spendable)
  const printed = lines
    .filter(line => line['event'] === 'output' && line['stream'] === 'stdout')
    .map(line => Buffer.from(String(line['base64']), 'base64').toString())
    .join('')
  assert.match(printed, /^[0-9a-f]{64}/)

  const { jobs } = await world.ok<{ jobs: JobEntry[] }>('buyer', ['jobs'])
  assert.deepEqual(
    jobs.map(({ id, status, paidMsat }) => [id, status, paidMsat]),
    [[bought.id, 'ok', bought.paidMsat]]
  )
  const shown = await world.ok<JobEntry>('buyer', ['job', 'show', bought.id.slice(0, 8)])
  assert.equal(shown.hash, bought.hash)
  for (const name of ['buyer', 'one', 'two', 'three'])
    assert.equal((await world.ok<{ ok: boolean }>(name, ['log', '--check'])).ok, true, name)

  const failing = await world.run('buyer', ['run', module, '--max', '3 sat', '--', '100000'])
  assert.equal(failing.code, 1)
  assert.deepEqual([failing.result['status'], failing.result['limit']], ['limit', 'fuel'])
})

test(
  'many inputs are spread over providers, and one that was killed on the way is passed over',
  { timeout: 240_000 },
  async t => {
    const world = await World.open(t)
    const market = await world.found('founder', 'bazaar')
    for (const name of ['one', 'two', 'three']) await seller(world, name, market, '40 sat/Gfuel')
    await world.join('buyer', market)
    await bookWhen(world, 'buyer', ({ asks }) => asks.length === 3)
    const module = world.at('count.wasm')
    await copyFile(join(import.meta.dirname, '../../../test/compute/programs/count.wasm'), module)
    await mkdir(world.at('chunks'))
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    for (const [i, name] of names.entries()) await writeFile(world.at('chunks', name), 'line\n'.repeat(i + 1))

    const out = world.at('counts')
    const map = ['run', module, '--map', world.at('chunks', '*'), '--out', out, '--max', '60 sat', '--', '{}']
    // Its ask still stands on the book.
    await world.kill('two')
    const finished = await world.run('buyer', map)
    assert.equal(finished.code, 0, finished.stderr)
    const done = finished.result as unknown as MapResult
    assert.deepEqual([done.ok, done.failed], [6, 0], JSON.stringify(done))
    assert.deepEqual(
      done.jobs.map(({ input }) => input),
      names
    )
    for (const [i, name] of names.entries())
      assert.equal(await readFile(join(out, name, 'lines.txt'), 'utf8'), `${i + 1}\n`)
    const providers = new Set(
      done.jobs.flatMap(job => (job.error ? [] : job.providers.map(({ device }) => device)))
    )
    assert.equal(providers.size, 2)
    assert.deepEqual((await readdir(out)).sort(), names)

    const wrong = await world.run('buyer', ['run', module, '--max', '5 sat', '--', '/in/none'])
    assert.deepEqual([wrong.code, wrong.result['status'], wrong.result['exitCode']], [1, 'ok', 2])
  }
)

test(
  'a bid on compute rests until a provider comes, and is run unattended',
  { timeout: 120_000 },
  async t => {
    const world = await World.open(t)
    const market = await world.found('founder', 'bazaar')
    await world.join('buyer', market)
    const module = world.at('sha256.wasm')
    await writeFile(module, program('sha256'))
    const out = world.at('end')
    const bid = [
      'bid',
      'compute',
      module,
      '--out',
      out,
      '--max',
      '30 sat',
      '--max-price',
      '50 sat/Gfuel',
      '--',
      SOON
    ]
    const { id } = await world.ok<{ id: string }>('buyer', bid)
    const resting = await bookWhen(world, 'founder', ({ bids }) => bids.length === 1)
    assert.deepEqual([resting.bids[0]!.id, resting.bids[0]!.maxMsat], [id, '30000'])
    await seller(world, 'dear', market, '90 sat/Gfuel')
    await seller(world, 'cheap', market, '20 sat/Gfuel')
    await bookWhen(world, 'buyer', ({ bids }) => bids.length === 0)
    assert.match(await readFile(`${out}.stdout`, 'utf8'), /^[0-9a-f]{64}/)
    const { jobs } = await world.ok<{ jobs: JobEntry[] }>('buyer', ['jobs'])
    assert.deepEqual(
      jobs.map(({ status, providers }) => [status, providers.length]),
      [['ok', 1]]
    )
    assert.deepEqual((await world.ok<{ jobs: JobEntry[] }>('dear', ['jobs'])).jobs, [])
  }
)

test(
  'what is lent stays so over a restart, and a paused seller takes no job',
  { timeout: 120_000 },
  async t => {
    const world = await World.open(t)
    const market = await world.found('founder', 'bazaar')
    await seller(world, 'one', market, '40 sat/Gfuel')
    await world.join('buyer', market)
    await bookWhen(world, 'buyer', ({ asks }) => asks.length === 1)
    const module = world.at('sha256.wasm')
    await writeFile(module, program('sha256'))
    await world.ok('one', ['sell', 'pause'])
    await world.kill('one')
    await world.up('one')
    const { compute } = await world.ok<{ compute: { paused: boolean } }>('one', ['status'])
    assert.equal(compute.paused, true)
    const run = ['run', module, '--max', '30 sat', '--', SOON]
    const failure = await world.fails('buyer', run, 4)
    assert.equal(failure.code, 'NO_OFFER')
    await world.ok('one', ['sell', 'resume'])
    assert.equal((await world.ok('one', ['status']))['compute'] !== null, true)
    const { asks } = await bookWhen(world, 'buyer', book => book.asks.length === 1)
    await world.ok('one', ['withdraw', asks[0]!.id.slice(0, 8)])
    await bookWhen(world, 'buyer', book => book.asks.length === 0)
  }
)
