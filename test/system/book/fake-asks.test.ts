import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatKey, parseKey } from '../../../contracts/keys/key.js'
import { DAY, GIB, HOUR, MIB } from '../../../contracts/money/quantity.js'
import { DIALS_AT_ONCE } from '../../../src/deal/sellers/dialling.js'
import { PLAY_NETWORK } from '../../../src/lightning/backends/play/network.js'
import { fakeAsks } from '../../parts/book/fake-asks.js'
import { program } from '../../parts/compute/jobs.js'
import { NodeGroup, quiet } from '../../integration/compute/pair/node-group.js'

const FAKES = 1000

test(
  'thousands of asks at 1 msat of devices that nobody runs do not keep a buyer from an honest seller',
  { timeout: 300_000 },
  async t => {
    const group = await NodeGroup.open(t)
    const founder = await group.node('founder')
    const seller = await group.node('seller', { worker: { settings: { allowProcess: true } } })
    const buyer = await group.node('buyer', { serve: false, timeouts: { connect: 1000 } })
    const { key } = await founder.call('market.create', { name: 'bazaar', rules: { stampBits: 0 } }, quiet)
    await seller.call('market.join', { key }, quiet)
    const sold = { minTime: HOUR, maxTime: 365 * DAY, region: '', space: GIB, price: '80000000000' }
    await seller.call('sell.storage', sold, quiet)
    const lent = { cores: 1, memory: GIB, baseMsat: '1000', price: '40000000', region: '' }
    await seller.call('sell.compute', { ...lent, onlyIdle: false, hours: null, allowProcess: true }, quiet)
    await buyer.call('market.join', { key }, quiet)
    await fakeAsks(founder.books.get(parseKey(key))!, ['storage', 'compute'], FAKES, PLAY_NETWORK)

    let dials: string[] = []
    const { network } = buyer
    const connect = network.connect.bind(network)
    network.connect = (device, ...how) => {
      dials.push(formatKey(device))
      return connect(device, ...how)
    }
    const fakes = (): number => new Set(dials.filter(device => device !== seller.device)).size

    await t.test('the book says which seller was seen', async () => {
      const { asks } = await buyer.call('book', { resource: 'storage', limit: FAKES + 1 }, quiet)
      assert.equal(asks.length, FAKES + 1)
      const seen = asks.filter(ask => ask['seen'] !== undefined)
      assert.deepEqual(
        seen.map(({ device }) => device),
        [seller.device]
      )
    })

    await t.test('a mirror is kept by the living seller, which is dialled first', async () => {
      const path = join(group.dir, 'film')
      await writeFile(path, Buffer.alloc(MIB, 7))
      const { leases } = await buyer.call('mirror', { path, copies: 1, time: 30 * DAY }, quiet)
      const { terms } = (await buyer.trade()).storage.leases.get('buyer', parseKey(leases[0]!))!
      assert.equal(formatKey(terms.provider.device!), seller.device)
      assert.ok(fakes() <= DIALS_AT_ONCE, `${fakes()} fakes were dialled`)
    })

    await t.test('a job is run by the living seller', async () => {
      dials = []
      const module = join(group.dir, 'work.wasm')
      await writeFile(module, program('work'))
      const job = { module, args: ['20'], limits: { memoryBytes: 64 * MIB }, force: false }
      const { status, providers } = await buyer.call('run', { ...job, verify: 1, maxMsat: '100000' }, quiet)
      assert.equal(status, 'ok')
      assert.equal(providers[0]!.device, seller.device)
      assert.ok(fakes() <= DIALS_AT_ONCE, `${fakes()} fakes were dialled`)
    })
    assert.deepEqual(group.faults, [])
  }
)
