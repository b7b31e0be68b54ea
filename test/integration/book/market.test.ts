import assert from 'node:assert/strict'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { orderId } from '../../../contracts/order.js'
import { Books } from '../../../src/book/books.js'
import { NETWORK, ask, signed, withdrawn } from '../../samples/orders.js'
import { PeerGroup, until } from './peers.js'

let group: PeerGroup
before(async () => {
  group = await PeerGroup.build()
})
after(async () => {
  await group.close()
})

test('an order submitted by one reader is seen by another', async t => {
  const founder = await group.peer()
  const seller = await group.peer()
  const buyer = await group.peer()
  const market = await founder.books.found({ name: 'first' })
  assert.equal(market.role, 'founder')
  assert.equal(market.name, 'first')
  assert.ok(await market.inStep({ timeoutMs: 0 }))

  await group.connect(seller, founder)
  await group.connect(buyer, founder)
  const theirs = await seller.books.join(market.key)
  const others = await buyer.books.join(market.key)
  t.diagnostic(`in step ${await timed(async () => assert.ok(await theirs.inStep({ timeoutMs: 10_000 })))} ms`)
  assert.ok(await others.inStep({ timeoutMs: 10_000 }))
  assert.equal(theirs.role, 'reader')
  assert.equal(theirs.name, 'first')

  const order = ask(seller, market.key)
  const record = await signed(seller, order, theirs)
  const seen = until(
    others,
    async () => (await others.asks({ resource: 'storage', network: NETWORK })).length === 1
  )
  const ms = await timed(async () => {
    await theirs.submit(record)
    await seen
  })
  t.diagnostic(`submit to visible on another reader: ${ms} ms`)
  const [found] = await others.asks({ resource: 'storage', network: NETWORK })
  assert.ok(found?.bytes.equals(record))

  const gone = until(
    others,
    async () => (await others.asks({ resource: 'storage', network: NETWORK })).length === 0
  )
  await theirs.submit(await signed(seller, withdrawn(order), theirs))
  await gone
  assert.equal(await others.get(orderId(order)), null)
  assert.ok(await theirs.inStep({ timeoutMs: 5000 }))
  assert.ok(await others.inStep({ timeoutMs: 5000 }))
  assert.equal(await theirs.viewHash(), await market.viewHash())
  assert.equal(await others.viewHash(), await market.viewHash())
  assert.deepEqual([...founder.faults, ...seller.faults, ...buyer.faults], [])
})

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return Math.round(performance.now() - start)
}

test('the books of a copied home reopen where it only reads and are refused where it writes', async t => {
  const founder = await group.peer()
  const reader = await group.peer()
  const market = await founder.books.found({ name: 'copied' })
  await group.connect(reader, founder)
  assert.ok(await (await reader.books.join(market.key)).inStep({ timeoutMs: 10_000 }))
  await group.stop(reader)
  await group.stop(founder)
  for (const { dir } of [reader, founder]) {
    const copy = await mkdtemp(join(tmpdir(), 'bushel-copied-'))
    t.after(() => rm(copy, { recursive: true, force: true }))
    await cp(dir, copy, { recursive: true })
    const books = new Books({ dir: copy, device: reader.device })
    try {
      if (dir === founder.dir) await assert.rejects(books.ready(), { code: 'BOOK_COPIED', exit: 2 })
      else {
        await books.ready()
        assert.equal(books.get(market.key)?.name, 'copied')
      }
    } finally {
      await books.close()
    }
  }
  await group.open(founder)
  assert.equal(founder.books.get(market.key)?.role, 'founder', 'the original is as it was')
})
