import assert from 'node:assert/strict'
import { copyFile, mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import type { MapResult } from '../../src/node/api/api.js'
import { bookWhen, seller } from '../world/compute.js'
import { World } from '../world/world.js'

test(
  'many inputs spread over providers, and one that is killed midway is passed over',
  { timeout: 240_000 },
  async t => {
    const { world, market } = await World.withMarket(t)
    await Promise.all([
      ...['one', 'two', 'three'].map(name => seller(world, name, market, '40 sat/Gfuel')),
      world.join('buyer', market)
    ])
    await bookWhen(world, 'buyer', ({ asks }) => asks.length === 3)
    const module = world.at('count.wasm')
    await copyFile(join(import.meta.dirname, '../../../test/samples/programs/count.wasm'), module)
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
      done.jobs.flatMap(job => ('error' in job ? [] : job.providers.map(({ device }) => device)))
    )
    assert.equal(providers.size, 2)
    assert.deepEqual((await readdir(out)).sort(), names)

    const wrong = await world.run('buyer', ['run', module, '--max', '5 sat', '--', '/in/none'])
    assert.deepEqual([wrong.code, wrong.result['status'], wrong.result['exitCode']], [1, 'ok', 2])
  }
)
