import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import test from 'node:test'
import type { JobEntry, StatusResult } from '../../src/node/api/api.js'
import { program } from '../parts/compute/jobs.js'
import { WORK_KIB, bookWhen, seller } from '../world/compute.js'
import { World } from '../world/world.js'

test('a compute bid rests until a provider comes and is run unattended', { timeout: 120_000 }, async t => {
  const { world, market } = await World.withMarket(t)
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
    WORK_KIB
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
})

test(
  'lending settings survive a restart, and a paused seller takes no job',
  { timeout: 120_000 },
  async t => {
    const { world, market } = await World.withMarket(t)
    await Promise.all([seller(world, 'one', market, '40 sat/Gfuel'), world.join('buyer', market)])
    await bookWhen(world, 'buyer', ({ asks }) => asks.length === 1)
    const module = world.at('sha256.wasm')
    await writeFile(module, program('sha256'))
    await world.ok('one', ['sell', 'pause'])
    await world.kill('one')
    await world.up('one')
    const { resources } = await world.ok<StatusResult>('one', ['status'])
    assert.equal(resources['compute']!.facts['paused'], true)
    const run = ['run', module, '--max', '30 sat', '--', WORK_KIB]
    const failure = await world.fails('buyer', run, 4)
    assert.equal(failure.code, 'NO_OFFER')
    await world.ok('one', ['sell', 'resume'])
    assert.equal((await world.ok('one', ['status']))['compute'] !== null, true)
    const { asks } = await bookWhen(world, 'buyer', book => book.asks.length === 1)
    await world.ok('one', ['withdraw', asks[0]!.id.slice(0, 8)])
    await bookWhen(world, 'buyer', book => book.asks.length === 0)
  }
)
