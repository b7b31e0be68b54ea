import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { BOUNDS } from '../../../../src/base/bounds/bounds.js'
import { parsePrice } from '../../../../contracts/money/money.js'
import { HOUR, KIB, MIB, MINUTE } from '../../../../contracts/money/quantity.js'
import { Home } from '../../../../src/identity/home.js'
import { openNode } from '../../../../src/node/node.js'
import type { BushelNode } from '../../../../src/node/node.js'
import { setUp } from '../../../../src/daemon/setup.js'
import { FUEL_VERSION } from '../../../../src/compute/fuel/meter.js'
import { DEFAULT_LIMITS } from '../../../../src/compute/sandbox/job.js'
import { ROW_BYTES } from '../../../../src/deal/replies.js'
import { replyTable } from '../../../../src/deal/tables.js'
import { tablesOf } from '../../../../src/node/tables.js'
import { RESOURCES } from '../../../../src/node/trade/resources.js'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'
import { noise } from '../../../samples/tree.js'
import { Children } from '../../../world/children.js'
import { BareDecline, BarePeer } from '../../../parts/peers/bare-peer.js'
import { RogueBuyer, limitOf } from '../../../parts/peers/rogue-buyer.js'
import type { Offer } from '../../../parts/peers/rogue-buyer.js'
import { quiet } from '../../../parts/peers/rogues.js'

const PRICE = parsePrice('100000 sat/GiB-month')
const TABLES = tablesOf(RESOURCES)
const LIMIT = { timeout: 120_000 }

const children = await Children.open({ after })
const bootstrap = await children.testnet()
const dht = BarePeer.dht(bootstrap)
children.beforeEnd(() => dht.destroy())

/** Added to the clock of the seller, ms. */
let ahead = 0
await setUp({ home: children.at('seller') })
const home = await Home.open(children.at('seller'))
const seller: BushelNode = await openNode({ home, bootstrap, serve: true, now: () => Date.now() + ahead })
children.beforeEnd(() => seller.close())
const { key: market } = await seller.call('market.create', { name: 'fair' } as never, quiet)
const sold = { space: 64 * MIB, price: String(PRICE), minTime: HOUR, maxTime: 1000 * HOUR, region: '' }
const { id } = await seller.call('sell.storage', { ...sold, market } as never, quiet)
const offer: Offer = { market, id, device: seller.device, price: PRICE }
const { leases, leaseManager } = (await seller.trade()).storage

async function buyer(name: string): Promise<RogueBuyer> {
  const one = await RogueBuyer.open({ dir: children.at(name), bootstrap, paying: true })
  children.beforeEnd(() => one.close())
  return one
}

const asked = { price: '1000000', baseMsat: '1000', region: '', onlyIdle: false, hours: null }
const lent = { ...asked, market, cores: 1, memory: 1024 * MIB, allowProcess: true }
const ask = await seller.call('sell.compute', lent as never, quiet)
const jobOffer: Offer = { ...offer, id: ask.id }
const worker = (await seller.trade()).compute.worker!

const first = await buyer('first')
const core = await first.core(noise('core', 64 * KIB))

async function jobOf(peer: BarePeer): Promise<Buffer> {
  const sha256 = randomBytes(32)
  const blob = { key: sha256, length: 1, byteLength: 1000, sha256 }
  const { isolation } = ask
  const terms = { module: blob, input: blob, args: [], limits: DEFAULT_LIMITS, fuel: FUEL_VERSION, isolation }
  return peer.job(jobOffer, terms, 512 * MIB)
}

test('a stranger that reserves all space and does not pay gives way to others', LIMIT, async () => {
  const hostile = await BarePeer.meet(dht, offer)
  const held = await hostile.lease(offer, 63)
  const bought = await first.buy(offer, [limitOf(core, { length: 4, byteLength: 4 * MIB })])
  assert.equal(leases.get('provider', bought.id)!.state, LEASE.ACTIVE)
  assert.equal(leases.get('provider', held)!.state, LEASE.VOID)
  const again = await BarePeer.meet(dht, offer)
  await assert.rejects(
    again.lease(offer, 63),
    { word: 'NO_CAPACITY' },
    'what is paid for gives way to nobody'
  )
  for (const one of [hostile, again]) one.close()
})

test('a node without an agreement opens no Lightning channel to a seller', LIMIT, async () => {
  const poor = await buyer('poor')
  await poor.channel(offer)
  const { nodeId } = (await seller.trade()).wallet
  await assert.rejects(poor.payments.reach(nodeId, 5000n), {
    message: /it refused the channel: no agreement/
  })
  const { id: lease, reach } = await poor.agree(offer, [limitOf(core, { length: 4, byteLength: MIB })])
  await reach()
  const { strangers } = await seller.call('status', {}, quiet)
  const { used, most } = strangers.find(({ bound }) => bound === 'unusedChannels')!
  assert.deepEqual([used, most], [1, BOUNDS.unusedChannels.all])
  await leaseManager!.end(lease, 'the test needs its space')
})

test(
  'unpaid agreements are few for a peer and few in all, and leave a place to who has paid',
  LIMIT,
  async () => {
    const { peer, all } = BOUNDS.unpaidLeases
    const hostile = await BarePeer.meet(dht, offer)
    for (let i = 0; i < peer; i++) await hostile.lease(offer, 1)
    await assert.rejects(hostile.lease(offer, 1), { word: 'NO_CAPACITY' })
    await assert.rejects(
      hostile.ask('topup', 'strip-request', { agreement: randomBytes(32), from: 20 }, 'countersign'),
      {
        word: 'NO_AGREEMENT'
      }
    )
    hostile.close()
    for (let i = 0; i < 20; i++) {
      const one = await BarePeer.meet(dht, offer)
      for (let n = 0; n < peer; n++) await one.lease(offer, 1).catch(() => undefined)
      one.close()
    }
    assert.ok(leaseManager!.unpaid.count <= all)
    assert.ok(leaseManager!.unpaid.bytes <= 60 * MIB)
    const { strangers } = await seller.call('status', {}, quiet)
    const { count: used } = leaseManager!.unpaid
    const shown = strangers.find(({ bound }) => bound === 'unpaidLeases')
    assert.deepEqual([shown!.used, shown!.most], [used, all])
    const bought = await first.buy(offer, [limitOf(core, { length: 50, byteLength: 50 * MIB })])
    assert.equal(leases.get('provider', bought.id)!.state, LEASE.ACTIVE)
    await leaseManager!.end(bought.id, 'the test needs its space')
  }
)

test(
  'an agreement that is not paid stands for ten minutes at most, whatever its terms say',
  LIMIT,
  async () => {
    ahead += 10 * MINUTE + 1
    await leaseManager!.look()
    assert.deepEqual(leaseManager!.unpaid, { count: 0, bytes: 0 })
    ahead = 0
  }
)

test('a lease whose upload makes no progress is let go in two hours', LIMIT, async () => {
  const { id } = await first.buy(offer, [limitOf(core, { length: 4, byteLength: 4 * MIB })])
  ahead += 2 * HOUR - MINUTE
  await leaseManager!.look()
  assert.equal(leases.get('provider', id)!.state, LEASE.ACTIVE)
  ahead += 2 * MINUTE
  await leaseManager!.look()
  const { state, reason } = leases.get('provider', id)!
  assert.equal(state, LEASE.ENDED)
  assert.match(reason!, /no progress for two hours/)
  assert.ok((await seller.trade()).storage.debts.get('debtor', id)!.leftMsat > 0n, 'the rest is owed')
  ahead = 0
})

test(
  'answers to strangers are kept within a bound, and the same request still gets the same answer',
  LIMIT,
  async () => {
    const rows = (): { value: { reply: Buffer } }[] => [...seller.store.table(replyTable).list()] as never
    const bytes = (): number => rows().reduce((sum, { value }) => sum + value.reply.byteLength + ROW_BYTES, 0)
    const before = bytes()
    for (let i = 0; i < 3; i++) {
      const hostile = await BarePeer.meet(dht, offer)
      const agreement = await hostile.lease(offer, 1)
      const request = randomBytes(32)
      const end = (id?: Buffer) => hostile.ask('end', 'end', { agreement, reason: '' }, 'ended', id)
      for (let n = 0; n < 350; n++) await end()
      assert.deepEqual(await end(request), await end(request))
      hostile.close()
    }
    assert.ok(bytes() - before <= 3 * BOUNDS.replies.peer, `${bytes() - before} bytes`)
  }
)

test('requests that are declined leave nothing on disk', LIMIT, async () => {
  const hostile = await BarePeer.meet(dht, offer)
  await leaseManager!.look()
  const size = (): number => TABLES.reduce((sum, table) => sum + seller.store.table(table).count, 0)
  const before = size()
  const agreement = randomBytes(32)
  for (let n = 0; n < 100; n++) {
    const reason = 'no'
    await assert.rejects(hostile.ask('end', 'end', { agreement, reason }, 'ended'), { word: 'NO_AGREEMENT' })
    const from = n
    await assert.rejects(
      hostile.ask('topup', 'strip-request', { agreement, from }, 'countersign'),
      BareDecline
    )
  }
  assert.equal(size(), before)
  hostile.close()
})

test('unpaid jobs take no place in the queue, and are few for a peer', LIMIT, async () => {
  const { peer } = BOUNDS.unpaidJobs
  for (let i = 0; i < 3; i++) {
    const hostile = await BarePeer.meet(dht, jobOffer)
    for (let n = 0; n < peer; n++) await jobOf(hostile)
    await assert.rejects(jobOf(hostile), { word: 'NO_CAPACITY' })
    hostile.close()
  }
  assert.equal(worker.unpaid, 3 * peer)
  const honest = await BarePeer.meet(dht, jobOffer)
  await jobOf(honest)
  honest.close()
})
