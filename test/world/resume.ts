import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Line } from '../../bin/demo/processes.js'
import { settled } from './payments.js'
import { makeTree, noise } from '../samples/tree.js'
import { World } from './world.js'
import type { MirrorResult } from './world.js'

const MIB = 1024 ** 2
/** Large enough for a kill to hit midway. */
const SIZE = 32 * MIB
const PROVIDERS = ['one', 'two']

/** A market with two providers, a source, and its buyer. */
export async function stage(t: TestContext): Promise<{ world: World; market: string; source: string }> {
  const world = await World.open(t)
  const market = await world.found('founder', 'bazaar')
  await Promise.all(PROVIDERS.map(name => world.seller(name, market, '500 sat/GiB-month')))
  const source = world.at('source')
  await makeTree(source, { 'film.bin': noise('resume', SIZE), 'notes/a.txt': 'a', 'notes/b.txt': 'b' })
  return { world, market, source }
}

export const mirrorOf = (source: string): string[] => [
  'mirror',
  source,
  '--copies',
  '2',
  '--time',
  '365d',
  '--ahead',
  'all'
]

/** A line of progress midway through a step. */
export const isStep =
  (step: string) =>
  (line: Line): boolean =>
    line['event'] === 'progress' &&
    line['step'] === step &&
    Number(line['done']) > 0 &&
    Number(line['done']) < Number(line['total'])

/** The line of the payment of an installment. */
export const isPayment =
  (installment: number) =>
  (line: Line): boolean =>
    line['event'] === 'payment' && line['installment'] === installment

/** Runs the same command until it succeeds; it may fail a bounded number of times. */
export async function again(world: World, name: string, args: string[]): Promise<Line> {
  for (let attempt = 1; ; attempt++) {
    const finished = await world.run(name, args)
    if (finished.code === 0) return finished.result
    assert.ok(attempt < 4 && finished.code === 1, JSON.stringify(finished.result) + finished.stderr)
  }
}

/** Asserts that every sat of the buyer is in a provider's book and that each installment was paid once. */
export async function assertPaidOnce(world: World, buyer: string, mirror: MirrorResult): Promise<void> {
  const bought = await world.leases(buyer)
  const sold = (await Promise.all(PROVIDERS.map(name => world.leases(name)))).flat()
  assert.equal(mirror.copies, 2)
  const kept = bought.filter(lease => mirror.leases.includes(lease.id))
  assert.equal(kept.length, 2)
  assert.ok(kept.every(lease => lease.state === 'STORED' && lease.until === lease.ends))
  assert.equal(settled(kept, sold), BigInt(mirror.paidMsat))
  assert.equal(settled(bought, sold), BigInt(mirror.paidMsat), 'nothing was paid for what is not kept')
}
