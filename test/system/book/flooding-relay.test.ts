import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Result } from '../../../src/node/api/api.js'
import type { RogueOrder } from '../../parts/book/rogue-writer.js'
import { World } from '../../world/world.js'

const ROGUE = new URL('../../parts/book/rogue-writer.js', import.meta.url)

test('a relay that writes more than its orders take is expelled, and its market goes on', async t => {
  const { world, market } = await World.withMarket(t)
  const flooder = world.processes.fork(ROGUE, {
    options: { dir: world.at('flooder'), port: Number(world.processes.bootstrap!.split(':')[1]) }
  })
  const tell = (order: RogueOrder): Promise<null> => flooder.ask<null>(order)
  const { device } = await flooder.next<{ device: string }>()
  await world.join('member', market)
  await world.stop('founder')
  const founder = await world.up('founder')
  await world.ok('founder', ['market', 'admit', device])
  await tell({ relay: market })
  await tell({ harm: 'as many bytes as its line carries', market })
  await founder.process.line(({ message }) => message === 'relay expelled')

  const ask = ['sell', 'storage', '--price', '1000 sat/GiB-month', '--space', '256MiB']
  const { id } = await world.ok<{ id: string }>('member', ask)
  await world.ok('member', ['withdraw', id])
  const { markets } = await world.ok<Result<'market.list'>>('member', ['market', 'list'])
  assert.deepEqual(
    markets.map(({ key, state }) => [key, state]),
    [[market, 'open']]
  )
})
