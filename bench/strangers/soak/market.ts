import { writeFile } from 'node:fs/promises'
import type { World } from '../../../test/world/world.js'
import type { Target } from '../attackers/ground.js'
import type { Watched } from './watch.js'

export const STORAGE_PRICE = '2000 sat/GiB-month'
export const COMPUTE_PRICE = '40 sat/Gfuel'
const SELL_COMPUTE = ['sell', 'compute', '--cores', '1', '--memory', '1GiB', '--allow-process']
/** How long an order may take to the book of another node, ms. */
const ON_BOOK = 120_000

/** A small market: its founder, two sellers of both resources, and a buyer. */
export interface Scene {
  world: World
  market: string
  nodes: Watched[]
  targets: Target[]
}

export async function openMarket(world: World): Promise<Scene> {
  const founder = await world.join('founder')
  const { key: market } = await world.ok<{ key: string }>('founder', ['market', 'create', '--name', 'main'])
  const targets: Target[] = [{ device: founder.device, market, isRelay: true }]
  const ups = [founder]
  for (const name of ['one', 'two']) {
    const { ask, ...up } = await world.seller(name, market, STORAGE_PRICE, '--space', '8GiB')
    const job = await world.ok<{ id: string; isolation: string }>(name, [
      ...SELL_COMPUTE,
      '--price',
      COMPUTE_PRICE
    ])
    targets.push({ device: up.device, market, isRelay: false, ask, jobAsk: job.id, isolation: job.isolation })
    ups.push(up)
  }
  const buyer = await world.join('buyer', market)
  targets.push({ device: buyer.device, market, isRelay: false })
  ups.push(buyer)
  for (const name of ['founder', 'one', 'two']) await world.ok(name, ['market', 'use', market])
  await world.ok('buyer', ['market', 'use', market])
  await world.book('buyer', ({ asks }) => asks.length === 2)
  await world.book('buyer', ({ asks }) => asks.length === 2, 'compute')
  return { world, market, nodes: ups.map(up => ({ up, home: world.at(up.name) })), targets }
}

/** How long an honest order takes to the book of another node, s; Infinity: it did not come there. */
export async function orderTime(world: World): Promise<number> {
  const file = world.at('wish')
  await writeFile(file, 'a wish')
  const begun = performance.now()
  const wish = ['bid', 'storage', file, '--time', '30d', '--copies', '1', '--max-price', '1 sat/GiB-month']
  const { id } = await world.ok<{ id: string }>('two', wish)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>(resolve => (timer = setTimeout(() => resolve(null), ON_BOOK)))
  const on = world.book('buyer', ({ bids }) => bids.some(bid => bid.id === id))
  on.catch(() => undefined)
  const seen = await Promise.race([on, late]).finally(() => clearTimeout(timer))
  const seconds = (performance.now() - begun) / 1000
  await world.ok('two', ['withdraw', id])
  return seen ? seconds : Infinity
}
