import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import Corestore from 'corestore'
import type Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import ProtomuxRPC from 'protomux-rpc'
import type { SignedHead } from '#spec'
import { encode } from '../../../contracts/schema/codec.js'
import { PROTOCOL } from '../../../src/book/channel.js'
import { openBookLog } from '../../../src/book/log/log.js'
import type { BookLog } from '../../../src/book/log/log.js'
import type { Market } from '../../../src/book/market.js'
import { apply } from '../../../src/book/view/apply.js'
import { encodeOperation } from '../../../src/book/view/operation.js'
import { marketRules } from '../../../src/book/view/rules.js'
import { person } from '../../samples/orders.js'
import type { Person } from '../../samples/orders.js'
import { PeerGroup } from './peers.js'
import type { Peer } from './peers.js'

/** Data of a founder without the product's node: two of one seed write two logs with one key. */
interface Book {
  base: BookLog
  store: Corestore
}

/** A founder that keeps several books for one market, and shows each reader the one that it likes. */
class RogueFounder {
  readonly #t: TestContext
  readonly #group: PeerGroup
  readonly #seed = crypto.randomBytes(32)
  readonly who: Person

  private constructor(t: TestContext, group: PeerGroup, who: Person) {
    this.#t = t
    this.#group = group
    this.who = who
  }

  static async of(t: TestContext, group: PeerGroup): Promise<RogueFounder> {
    return new RogueFounder(t, group, await person())
  }

  /** A book with these ticks after the rules. */
  async book(ticks: number[]): Promise<Book> {
    const dir = await mkdtemp(join(tmpdir(), 'bushel-rogue-'))
    const store = new Corestore(dir, { primaryKey: this.#seed, unsafe: true } as never)
    const base = openBookLog({ store, key: null, ackInterval: 50, apply })
    await base.ready()
    const rules = marketRules(this.who.device.publicKey, 'two faces', {})
    await base.append([encodeOperation('rules', rules), encodeOperation('tick', { time: ticks[0]! })])
    for (const time of ticks.slice(1)) await base.append(encodeOperation('tick', { time }))
    await signed(base)
    this.#t.after(async () => {
      await base.close()
      await store.close()
      await rm(dir, { recursive: true })
    })
    return { base, store }
  }

  /** Shows a peer this book as the founder would. */
  async show(book: Book, peer: Peer): Promise<NoiseStream> {
    const stream = await this.#group.rawConnection(this.who.device, peer)
    book.store.replicate(stream)
    const rpc = speak(stream, book, {
      version: 1,
      writer: book.base.local.key,
      head: headOf(book.base.view.core)
    })
    const heads = (): Promise<Buffer> =>
      Promise.resolve(
        encode('book-heads', { heads: [{ key: book.base.local.key, length: book.base.local.length }] })
      )
    rpc.respond('said', () => Promise.resolve(null))
    rpc.respond('heads', heads)
    rpc.respond('signed', () => Promise.resolve(null))
    await once(rpc, 'open')
    rpc.event('said', await heads())
    return stream
  }
}

interface Hello {
  version: number
  writer: Buffer
  head: SignedHead | null
}

function speak(stream: NoiseStream, { base }: Book, hello: Hello): ProtomuxRPC {
  return new ProtomuxRPC(stream, {
    protocol: PROTOCOL,
    id: crypto.discoveryKey(base.key),
    handshake: encode('book-hello', hello)
  })
}

/** The signed head of a core as Hypercore keeps it. */
function headOf(core: Hypercore): SignedHead {
  const { length, fork, signature, roots } = core.core.state
  return { length, fork, hash: crypto.tree(roots), signature: signature.subarray(2, 66) }
}

/** Resolves when the founder has signed all of its view. */
async function signed(base: BookLog): Promise<void> {
  const { core } = base.view
  while (!core.core.state.signature || core.core.state.length < core.length) await once(base, 'update')
}

/** A device that only shows a reader a head; resolves when the reader has read it, or ended the connection. */
async function gossip(group: PeerGroup, to: Peer, book: Book, head: SignedHead): Promise<{ ended: boolean }> {
  const { device } = await person()
  const stream = await group.rawConnection(device, to)
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

async function readerOf(group: PeerGroup, rogue: RogueFounder, book: Book): Promise<[Peer, Market]> {
  const peer = await group.peer()
  const market = await peer.books.join(book.base.key)
  await rogue.show(book, peer)
  assert.ok(await market.inStep({ timeoutMs: 20_000 }))
  return [peer, market]
}

/** A fault that is never found makes a test wait for ever. */
const LIMIT = { timeout: 20_000 }
const NOW = Date.now()
const ticks = (...after: number[]): number[] => after.map(ms => NOW + ms)

test('two readers to whom a founder shows two books find out when they meet', LIMIT, async t => {
  const group = await groupOf(t)
  const rogue = await RogueFounder.of(t, group)
  const [one, two] = [await rogue.book(ticks(1, 2, 3)), await rogue.book(ticks(1, 2, 4))]
  assert.deepEqual(one.base.key, two.base.key)
  const [a, first] = await readerOf(group, rogue, one)
  const [b, second] = await readerOf(group, rogue, two)
  assert.deepEqual([first.isForked, second.isForked], [false, false])
  const found = Promise.all([once(first, 'forked'), once(second, 'forked')])
  await group.connect(a, b)
  await found
  assert.deepEqual([first.isForked, second.isForked], [true, true])
})

test('a head of another book is kept as evidence once, whoever shows it', LIMIT, async t => {
  const group = await groupOf(t)
  const rogue = await RogueFounder.of(t, group)
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
  const rogue = await RogueFounder.of(t, group)
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
    const rogue = await RogueFounder.of(t, group)
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
