import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseKey } from '../../../contracts/keys/key.js'
import { DAY, GIB, HOUR, MIB } from '../../../contracts/money/quantity.js'
import type { BushelNode } from '../../../src/node/node.js'
import { program } from '../../parts/compute/jobs.js'
import { NodeGroup, quiet } from '../compute/pair/node-group.js'

const STORAGE = { price: 80_000n * 1000n * 1024n, floor: 51_234_567_891n }
const COMPUTE = { price: 40_000_000n, floor: 20_000_019n }

/** Everything that this node says of the book and of itself. */
async function said(node: BushelNode): Promise<string> {
  const answers = [
    await node.call('book', { resource: 'storage', waitMs: 0 }, quiet),
    await node.call('book', { resource: 'compute', waitMs: 0 }, quiet),
    await node.call('status', {}, quiet)
  ]
  return JSON.stringify(answers)
}

test(
  'leases and jobs are bought below the ask when the seller has a floor',
  { timeout: 180_000 },
  async t => {
    const group = await NodeGroup.open(t)
    const provider = await group.node('provider', { worker: { settings: { allowProcess: true } } })
    const buyer = await group.node('buyer', { serve: false })
    const { key } = await provider.call('market.create', { name: 'bazaar' }, quiet)
    const sold = { minTime: HOUR, maxTime: 365 * DAY, region: '' }
    const text = ({ price, floor }: { price: bigint; floor: bigint }) => ({
      price: price.toString(),
      floor: floor.toString()
    })
    await assert.rejects(
      provider.call('sell.storage', { ...sold, space: GIB, price: '10', floor: '11' }, quiet),
      { code: 'BAD_INPUT' }
    )
    await provider.call('sell.storage', { ...sold, space: GIB, ...text(STORAGE) }, quiet)
    const lent = { cores: 1, memory: GIB, baseMsat: '1000', region: '', onlyIdle: false, hours: null }
    await provider.call('sell.compute', { ...lent, allowProcess: true, ...text(COMPUTE) }, quiet)
    await buyer.call('market.join', { key }, quiet)
    const trade = await buyer.trade()

    await t.test('a mirror', async () => {
      const path = join(group.dir, 'film')
      await writeFile(path, Buffer.alloc(2 * MIB, 7))
      const offer = (STORAGE.floor / 2n).toString()
      const request = { path, copies: 1, time: 30 * DAY }
      const refused = { ...request, offer, maxPrice: (STORAGE.floor - 1n).toString() }
      await assert.rejects(buyer.call('mirror', refused, quiet), { code: 'NO_OFFER' })
      await assert.rejects(buyer.call('mirror', { ...request, offer, maxPrice: '1' }, quiet), {
        code: 'BAD_INPUT'
      })
      const within = { ...request, offer, maxPrice: (STORAGE.floor + 1000n).toString() }
      const { leases } = await buyer.call('mirror', within, quiet)
      const { terms } = trade.storage.leases.get('buyer', parseKey(leases[0]!))!
      assert.ok(terms.price >= STORAGE.floor && terms.price <= STORAGE.floor + 1000n, String(terms.price))
    })

    await t.test('a job', async () => {
      const module = join(group.dir, 'work.wasm')
      await writeFile(module, program('work'))
      const job = { module, args: ['20'], limits: { memoryBytes: 64 * MIB }, force: false }
      const prices = { offer: (COMPUTE.floor / 2n).toString(), maxPrice: COMPUTE.floor.toString() }
      const run = { ...job, ...prices, verify: 1, maxMsat: '100000' }
      const { status, providers } = await buyer.call('run', run, quiet)
      assert.equal(status, 'ok')
      const bought = trade.compute.jobs.get('buyer', parseKey(providers[0]!.agreement))!
      assert.equal(bought.terms.price, COMPUTE.floor)
      assert.ok(
        bought.quote!.quote.validUntil >= bought.terms.countersignBy,
        'a job has a quote as a lease has'
      )
    })

    for (const node of [provider, buyer])
      for (const { floor } of [STORAGE, COMPUTE]) assert.ok(!(await said(node)).includes(floor.toString()))
    assert.deepEqual(group.faults, [])
  }
)
