import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { encode } from '../../../contracts/schema/codec.js'
import { formatKey } from '../../../contracts/keys/key.js'
import { DAY, GIB, HOUR } from '../../../contracts/money/quantity.js'
import { orderId } from '../../../contracts/order.js'
import { agreementId } from '../../../contracts/terms.js'
import { KnownMarkets, listIn } from '../../../src/book/known-markets.js'
import { ownOrderTable } from '../../../src/deal/tables.js'
import { Home } from '../../../src/identity/home.js'
import { homeStore } from '../../../src/node/home-store.js'
import type { StatusResult } from '../../../src/node/api/api.js'
import { LEASE } from '../../../src/storage/lease/lease-state.js'
import { Leases } from '../../../src/storage/lease/leases.js'
import { LeaseFiles } from '../../../src/storage/shelf/lease-files.js'
import { storage } from '../../../src/storage/resource.js'
import { change } from '../../../src/store/change.js'
import { folder } from '../../parts/folder.js'
import { runCommandLine } from '../../parts/cli/command-line.js'
import { leaseTerms, partiesOf } from '../../samples/evidence/parties.js'
import { ask, person } from '../../samples/orders.js'

test('status with no node up tells the only market, what is offered and free, and what was ever served', async t => {
  const home = join(await folder(t), 'home')
  await Home.create(home)
  const market = randomBytes(32)
  await mkdir(join(home, 'book'))
  await new KnownMarkets(listIn(join(home, 'book'))).put({ key: market, namespace: 'a', admissions: [] })
  const order = {
    ...ask(await person(), market),
    body: storage.ask.encode({ space: GIB, minTime: HOUR, maxTime: DAY, minChargeMsat: 1n, region: '' })
  }
  const parties = partiesOf(await person(), await person())
  const cores = [{ key: randomBytes(32), length: 0, byteLength: GIB / 4 }]
  const terms = { ...leaseTerms({ ...parties, countersignBy: 1, cores }), ask: orderId(order) }
  const times = { created: 1, committed: 1, start: 0 }
  const lease = { role: 'provider', state: LEASE.ACTIVE, ...times, terms, signature: Buffer.alloc(64) }
  const written = async (work: (leases: Leases) => Promise<void>): Promise<void> => {
    const store = homeStore(home)
    await store.ready()
    const own = { market, record: encode('order', order), until: Date.now() + DAY, open: 1, floor: 1n }
    await store.set(change(ownOrderTable, orderId(order), { ...own, offered: order.body }))
    await work(new Leases(store))
    await store.close()
  }
  const facts = async (): Promise<{ market: string | null } & Record<string, unknown>> => {
    const { lines, exit } = await runCommandLine(['status', '--json', '--home', home])
    assert.equal(exit, 0)
    const status = lines.at(-1) as unknown as StatusResult
    return { market: status.market, ...status.resources['storage']!.facts }
  }

  await written(async leases => {
    await leases.save({ ...lease, state: LEASE.COUNTERSIGNED })
    await leases.save(lease)
  })
  await mkdir(join(home, 'shelf'), { recursive: true })
  const files = new LeaseFiles(join(home, 'shelf', 'leases'))
  await files.read()
  const shelved = {
    id: formatKey(agreementId(terms)),
    cores,
    egressBytes: 99,
    egressUsed: 70,
    ...{ ownerUsed: 7, ownerBefore: 0, ownerSince: 0 },
    complete: true,
    repairUsed: 0,
    repairSince: 0
  }
  await files.write({ ...shelved, readKey: null, owner: null, group: '' })
  const before = await facts()
  assert.deepEqual(
    [before.market, before['spaceBytes'], before['leftBytes'], before['egressBytes']],
    [formatKey(market), GIB, GIB - GIB / 4, 77]
  )
  await written(leases => leases.save({ ...lease, state: LEASE.ENDED }))
  assert.equal((await facts())['egressBytes'], 0, 'the count of a lease that ended is written with its end')
  const store = homeStore(home)
  await store.ready()
  await store.set(new Leases(store).servedChange(77))
  await store.close()
  const after = await facts()
  assert.deepEqual([after['leftBytes'], after['egressBytes']], [GIB, 77])
})
