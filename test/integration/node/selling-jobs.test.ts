import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GIB, HOUR, MINUTE } from '../../../contracts/money/quantity.js'
import { bestWalls } from '../../../src/compute/sandbox/sandbox.js'
import { NodeGroup, quiet } from '../compute/pair/node-group.js'

const LENT = { cores: 1, memory: GIB, price: '40000', baseMsat: '1000', region: '' }
const SOLD = { ...LENT, onlyIdle: false, hours: null, allowProcess: true }

test('a seller of compute is told what stands around jobs, and sets how long they may take', async t => {
  const group = await NodeGroup.open(t)
  const node = await group.node('seller')
  await node.call('market.create', { name: 'bazaar' }, quiet)
  const walls = [...(await bestWalls())]
  const facts = async () => (await node.call('status', {}, quiet)).resources['compute']!.facts
  assert.equal((await facts())['walls'], undefined, 'nothing is started for a node that sells no compute')

  for (const more of [{ cores: 1024 }, { memory: 64 * 1024 * GIB }]) {
    const refused = node.call('sell.compute', { ...SOLD, ...more }, quiet)
    await assert.rejects(refused, {
      code: 'NO_SPACE',
      message: /^this machine has \d+ cores? and .* less than that/
    })
  }
  assert.deepEqual((await node.call('sell.compute', SOLD, quiet)).walls, walls)
  assert.equal((await facts())['walls'], walls.join(', '))
  const { worker } = (await node.trade()).compute
  assert.deepEqual([worker!.settings.maxWallMs, worker!.settings.maxCpuMs], [HOUR, HOUR])

  await node.call('sell.compute', { ...SOLD, maxWallMs: 2 * HOUR, maxCpuMs: MINUTE }, quiet)
  assert.deepEqual([worker!.settings.maxWallMs, worker!.settings.maxCpuMs], [2 * HOUR, MINUTE])
  await group.close(node)
  const again = await (await group.node('seller')).trade()
  assert.equal(again.compute.worker!.settings.maxWallMs, 2 * HOUR, 'after a restart, too')
})
