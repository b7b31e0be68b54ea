import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StatusResult } from '../../../src/node/api/api.js'
import { World } from '../../world/world.js'

test('a relay forwards unless its owner starts it with --no-forward', async t => {
  const world = await World.open(t)
  const forwards = async (name: string): Promise<boolean> =>
    (await world.ok<StatusResult>(name, ['status'])).reachability!.forwards
  const start = async (name: string, ...args: string[]): Promise<void> => {
    await world.home(name)
    await world.up(name, ...args)
    await world.ok(name, ['market', 'create', '--name', name])
  }
  await start('unwilling', '--no-forward')
  await start('willing')
  while (!(await forwards('willing'))) await new Promise(resolve => setTimeout(resolve, 50))
  assert.equal(await forwards('unwilling'), false)
})
