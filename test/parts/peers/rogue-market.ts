import { writeFile } from 'node:fs/promises'
import type { TestContext } from 'node:test'
import { noise } from '../../samples/tree.js'
import { World } from '../../world/world.js'
import { addressOf, notesOf } from './buyers.js'
import { RogueGroup } from './rogues.js'

export interface RogueMarket {
  world: World
  market: string
  /** A file of 1 MiB to mirror. */
  path: string
  group: RogueGroup
}

export interface BoughtCopy {
  /** The wallet of `buyer` before it bought. */
  before: Awaited<ReturnType<World['wallet']>>
  finished: Awaited<ReturnType<World['run']>>
  notes: string[]
  leases: Awaited<ReturnType<World['leases']>>
}

/** Has a new node `buyer` store one copy of the file. */
export async function buyCopy({ world, market, path }: RogueMarket): Promise<BoughtCopy> {
  await world.home('buyer')
  await world.ok('buyer', ['market', 'join', market])
  const before = await world.wallet('buyer')
  const finished = await world.run('buyer', ['mirror', path, '--copies', '1', '--time', '30d'])
  return { before, finished, notes: notesOf(finished), leases: await world.leases('buyer') }
}

/** A market with one honest and dear provider, a group of rogues that can offer on it, and a file to mirror. */
export async function openRogueMarket(t: TestContext, seed: string): Promise<RogueMarket> {
  const world = await World.open(t)
  const market = await world.found('lease manager', 'fair')
  await world.sell('lease manager', '100000 sat/GiB-month')
  const path = world.at('file')
  await writeFile(path, noise(seed, 1 << 20))
  const group = await RogueGroup.open({ dir: world.at('rogues'), bootstrap: addressOf(world), market })
  t.after(() => group.close())
  return { world, market, path, group }
}
