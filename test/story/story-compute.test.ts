import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { writeFile } from 'node:fs/promises'
import test from 'node:test'
import type { JobEntry, JobResult, LocalResult, RunEstimate } from '../../src/node/api/api.js'
import { program } from '../parts/compute/jobs.js'
import { WORK_KIB, bookWhen, seller } from '../world/compute.js'
import { World } from '../world/world.js'

test('a job is priced at home, run by strangers, compared and paid', { timeout: 240_000 }, async t => {
  const { world, market } = await World.withMarket(t)
  const prices = { one: '40 sat/Gfuel', two: '50 sat/Gfuel', three: '60 sat/Gfuel' }
  await Promise.all([
    ...Object.entries(prices).map(([name, price]) => seller(world, name, market, price)),
    world.join('buyer', market)
  ])
  const module = world.at('sha256.wasm')
  await writeFile(module, program('sha256'))
  const book = await bookWhen(world, 'buyer', ({ asks }) => asks.length === 3)
  assert.deepEqual(
    book.asks.map(({ price, baseMsat, cores }) => [price, baseMsat, cores]),
    [40, 50, 60].map(sat => [String(sat * 1_000_000), '1000', 1])
  )

  const local = await world.ok<LocalResult & { cost: { msat: string; price: string } }>('buyer', [
    ...['run', module, '--local', '--', WORK_KIB]
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
  const command = ['run', module, '--verify', '3', ...most, '--', WORK_KIB]
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
  assert.equal(shown.kept, true)
  const fetched = await world.run('buyer', [
    'job',
    'output',
    bought.id.slice(0, 8),
    '--out',
    world.at('fetched')
  ])
  assert.equal(fetched.code, 0, JSON.stringify(fetched.result))
  assert.deepEqual([fetched.result['hash'], fetched.result['paidMsat']], [bought.hash, bought.paidMsat])
  assert.ok((await stat(world.at('fetched'))).isDirectory())
  for (const name of ['buyer', 'one', 'two', 'three'])
    assert.equal((await world.ok<{ ok: boolean }>(name, ['log', '--check'])).ok, true, name)

  const failing = await world.run('buyer', ['run', module, '--max', '3 sat', '--', '100000'])
  assert.equal(failing.code, 1)
  assert.deepEqual([failing.result['status'], failing.result['limit']], ['limit', 'fuel'])
})
