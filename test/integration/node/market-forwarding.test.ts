import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { NoiseStream } from 'hyperdht'
import createTestnet from 'hyperdht/testnet.js'
import type { Testnet } from 'hyperdht/testnet.js'
import { Scope } from '../../../src/base/scope.js'
import { Books } from '../../../src/book/books.js'
import type { Market } from '../../../src/book/market.js'
import { Network } from '../../../src/network/network.js'
import { startForwarding } from '../../../src/node/forwarding.js'
import { ask, person, signed } from '../../samples/orders.js'
import type { Person } from '../../samples/orders.js'

interface Member extends Person {
  books: Books
  network: Network
}

/** Opens members of markets on a private network; those that are not `direct` cannot reach each other. */
async function memberMaker(
  t: TestContext
): Promise<(options: { direct: boolean; isAllowed?: boolean }) => Promise<Member>> {
  const scope = new Scope()
  t.after(() => scope.close())
  const dir = await mkdtemp(join(tmpdir(), 'bushel-forwarding-'))
  scope.add(() => rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }))
  const testnet: Testnet = await createTestnet(4, { host: '127.0.0.1' })
  scope.add(() => testnet.destroy())
  let count = 0
  return async ({ direct, isAllowed = true }) => {
    const who = await person()
    const books = await scope.open(new Books({ dir: join(dir, String(count++)), device: who.device }))
    const network = new Network({
      keyPair: who.device,
      bootstrap: testnet.bootstrap,
      direct,
      punchesFor: 1500
    })
    network.on('connection', (stream: NoiseStream) => {
      stream.on('error', () => undefined)
      books.attach(stream)
    })
    scope.add(network.serveCores((discoveryKey, stream) => books.serve(discoveryKey, stream)))
    await scope.open(network)
    await network.listen()
    startForwarding(scope, { books, network, isAllowed, onfault: error => assert.ifError(error) })
    return { ...who, books, network }
  }
}

/** A market of a relay, and a seller and a buyer that it knows by their orders or not at all. */
async function joined(market: Market, relay: Member, member: Member): Promise<Market> {
  const theirs = await member.books.join(market.key)
  await member.network.connect(relay.device.publicKey, 10_000)
  assert.ok(await theirs.inStep({ timeoutMs: 20_000 }))
  return theirs
}

async function untilTold(market: Market): Promise<void> {
  while (market.forwarders.length === 0) await new Promise(resolve => setTimeout(resolve, 20))
}

test('a market relay forwards to a seller with an order on the book, and to nobody else', async t => {
  const member = await memberMaker(t)
  const relay = await member({ direct: true })
  const market = await relay.books.found({ name: 'here', rules: { stampBits: 2 } })
  const [seller, idle, buyer] = await Promise.all([1, 2, 3].map(() => member({ direct: false })))
  const theirs = await joined(market, relay, seller!)
  await joined(market, relay, idle!)
  await joined(market, relay, buyer!)
  await theirs.submit(await signed(seller!, ask(seller!, market.key), theirs))
  await Promise.all([seller!, idle!].map(({ books }) => untilTold(books.get(market.key)!)))
  assert.equal(seller!.network.reachability.forwarders, 1)

  const stream = await buyer!.network.connect(seller!.device.publicKey, 20_000)
  assert.deepEqual(stream.remotePublicKey, seller!.device.publicKey)
  assert.equal(relay.network.forwarding!.pairs, 1)
  await assert.rejects(buyer!.network.connect(idle!.device.publicKey, 1000), { code: 'PEER_UNREACHABLE' })
})

test('a relay whose owner does not want it forwards nothing, and tells nobody that it does', async t => {
  const member = await memberMaker(t)
  const relay = await member({ direct: true, isAllowed: false })
  const market = await relay.books.found({ name: 'here', rules: { stampBits: 2 } })
  const seller = await member({ direct: false })
  const theirs = await joined(market, relay, seller)
  await theirs.submit(await signed(seller, ask(seller, market.key), theirs))
  assert.deepEqual([theirs.forwarders, relay.network.forwarding], [[], null])
})

test('a relay behind a router that lets nobody in forwards nothing', async t => {
  const member = await memberMaker(t)
  const founder = await member({ direct: false })
  await founder.books.found({ name: 'here' })
  assert.equal(founder.network.reachability.reach, 'cone')
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(founder.network.forwarding, null)
})
