import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import crypto from 'hypercore-crypto'
import type { SignedHead } from '#spec'
import { encode } from '../../../contracts/schema/codec.js'
import type { Market } from '../../../src/book/market.js'
import { encodeOperation } from '../../../src/book/view/operation.js'
import { RogueFounder, headOf, signed, speak } from '../../parts/book/rogue-founder.js'
import type { Book } from '../../parts/book/rogue-founder.js'
import { person } from '../../samples/orders.js'
import { PeerGroup } from './peers.js'
import type { Peer } from './peers.js'

/** A device that only shows a reader a head; resolves when the reader has read it, or ended the connection. */
async function gossip(group: PeerGroup, to: Peer, book: Book, head: SignedHead): Promise<{ ended: boolean }> {
  const { device } = await person()
  const stream = await group.rawConnection(device, to.device.publicKey)
  const rpc = speak(stream, book, { version: 1, writer: Buffer.alloc(32), head })
  const closed = new Promise<{ ended: true }>(resolve => stream.once('close', () => resolve({ ended: true })))
  // requests are answered in order, the hello before them
  const answered = (async () => {
    await rpc.request('heads', null)
    rpc.event('signed', encode('signed-head', head))
    await rpc.request('heads', null)
    return { ended: false }
  })()
  const outcome = await Promise.race([closed, answered.catch(() => closed)])
  stream.destroy()
  return outcome
}

async function groupOf(t: TestContext): Promise<PeerGroup> {
  const group = await PeerGroup.build()
  t.after(() => group.close())
  return group
}

function founderOf(t: TestContext, group: PeerGroup): Promise<RogueFounder> {
  return RogueFounder.of(t, (device, to) => group.rawConnection(device, to))
}

async function readerOf(group: PeerGroup, rogue: RogueFounder, book: Book): Promise<[Peer, Market]> {
  const peer = await group.peer()
  const market = await peer.books.join(book.base.key)
  await rogue.show(book, peer.device.publicKey)
  assert.ok(await market.inStep({ timeoutMs: 20_000 }))
  return [peer, market]
}

/** A fault that is never found makes a test wait for ever. */
const LIMIT = { timeout: 20_000 }
const NOW = Date.now()
const ticks = (...after: number[]): number[] => after.map(ms => NOW + ms)

test('two readers to whom a founder shows two books find out when they meet', LIMIT, async t => {
  const group = await groupOf(t)
  const rogue = await founderOf(t, group)
  const [one, two] = [await rogue.book(ticks(1, 2, 3)), await rogue.book(ticks(1, 2, 4))]
  assert.deepEqual(one.base.key, two.base.key)
  const [a, first] = await readerOf(group, rogue, one)
  const [b, second] = await readerOf(group, rogue, two)
  assert.deepEqual([first.isForked, second.isForked], [false, false])
  const found = Promise.all([once(first, 'forked'), once(second, 'forked')])
  await group.connect(a, b)
  await found
  assert.deepEqual([first.isForked, second.isForked], [true, true])
  for (const { faults } of [a, b]) assert.deepEqual(faults.map(String), [], 'it is no fault of the node')
})

test('a head of another book is kept as evidence once, whoever shows it', LIMIT, async t => {
  const group = await groupOf(t)
  const rogue = await founderOf(t, group)
  const [shown, other] = [await rogue.book(ticks(1, 2, 3)), await rogue.book(ticks(1, 2, 4))]
  const [peer, market] = await readerOf(group, rogue, shown)
  const head = headOf(other.base.view.core)
  const found = once(market, 'forked')
  assert.deepEqual(await gossip(group, peer, shown, head), { ended: false })
  const [fork] = await found
  assert.deepEqual(fork.second, head)
  assert.deepEqual(fork.first.length, head.length)
  assert.notDeepEqual(fork.first.hash, head.hash)
})

test('an old head of the same book is no evidence, and costs nothing', LIMIT, async t => {
  const group = await groupOf(t)
  const rogue = await founderOf(t, group)
  const book = await rogue.book(ticks(1, 2))
  const old = headOf(book.base.view.core)
  await book.base.append(encodeOperation('tick', { time: NOW + 3 }))
  await signed(book.base)
  assert.ok(headOf(book.base.view.core).length > old.length)
  const [peer, market] = await readerOf(group, rogue, book)
  for (const head of [old, headOf(book.base.view.core)])
    assert.deepEqual(await gossip(group, peer, book, head), { ended: false })
  assert.equal(market.isForked, false)
})

test(
  'a head that the founder has not signed costs the peer its connection and is not kept',
  LIMIT,
  async t => {
    const group = await groupOf(t)
    const rogue = await founderOf(t, group)
    const book = await rogue.book(ticks(1, 2))
    const [peer, market] = await readerOf(group, rogue, book)
    const real = headOf(book.base.view.core)
    const forged = [
      { ...real, hash: crypto.randomBytes(32) },
      { ...real, length: real.length + 1 },
      { ...real, fork: 1 },
      { ...real, signature: crypto.randomBytes(64) }
    ]
    for (const head of forged) assert.deepEqual(await gossip(group, peer, book, head), { ended: true })
    assert.equal(market.isForked, false)
  }
)
