import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { NoiseStream } from 'hyperdht'
import createTestnet from 'hyperdht/testnet.js'
import { Scope } from '../../../src/base/scope.js'
import { Books } from '../../../src/book/books.js'
import { JobRecords } from '../../../src/compute/job/job-records.js'
import { Deals } from '../../../src/deal/deals.js'
import { Resources } from '../../../src/deal/resource.js'
import { RESOURCES } from '../../../src/node/trade/resources.js'
import type { WalletChoice } from '../../../src/identity/config.js'
import { Network } from '../../../src/network/network.js'
import { LightningLinks } from '../../../src/node/trade/lightning-links.js'
import { Trade } from '../../../src/node/trade/trade.js'
import { TIMEOUTS } from '../../../src/storage/lease/timeouts.js'
import type { Store } from '../../../src/store/store.js'
import { storeIn } from '../../parts/store/store-in.js'
import { person } from '../../samples/people.js'
import type { Person } from '../../samples/people.js'
import { faultLog } from '../../doubles/fault-log.js'

/** The wallet that a home begins with. */
const PLAY = null

/** What outlives a trade: network, book and journal, with one market and one connection. */
class Ground {
  readonly faults: unknown[] = []
  readonly dir: string
  readonly self: Person
  readonly store: Store
  readonly network: Network
  readonly books: Books
  stream!: NoiseStream

  private constructor(dir: string, self: Person, network: Network) {
    this.dir = dir
    this.self = self
    this.network = network
    this.store = storeIn(join(dir, 'store-of-node'))
    this.books = new Books({ dir: join(dir, 'book'), device: self.device })
  }

  static async open(t: TestContext): Promise<Ground> {
    const scope = new Scope()
    t.after(() => scope.close())
    const dir = await mkdtemp(join(tmpdir(), 'bushel-open-close-'))
    scope.add(() => rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }))
    const testnet = await createTestnet(2, { host: '127.0.0.1' })
    scope.add(() => testnet.destroy())
    const { bootstrap } = testnet
    const [one, other] = await person(2)
    const ground = new Ground(dir, one!, new Network({ keyPair: one!.device, bootstrap }))
    await scope.open(ground.store)
    await scope.open(ground.books)
    await scope.open(ground.network)
    await ground.books.found({ name: 'ground' })
    const peer = await scope.open(new Network({ keyPair: other!.device, bootstrap }))
    await ground.network.listen()
    const arrived = once(ground.network, 'connection') as Promise<[NoiseStream]>
    await peer.connect(one!.device.publicKey, 20_000)
    ;[ground.stream] = await arrived
    return ground
  }

  trade(wallet: WalletChoice | null): Trade {
    const { dir, store, network, books } = this
    return new Trade({
      ...{ dir, store, network, books, wallet, ...this.self },
      serve: true,
      resources: RESOURCES,
      timeouts: TIMEOUTS,
      log: faultLog(error => this.faults.push(error))
    })
  }

  /** Everything that a trade could leave behind. */
  get counts(): object {
    const { network, books, stream } = this
    const [market] = books.markets
    const of = (emitter: NodeJS.EventEmitter): Record<string, number> =>
      Object.fromEntries(emitter.eventNames().map(name => [String(name), emitter.listenerCount(name)]))
    return {
      network: network.registered,
      listeners: { network: of(network), books: of(books), market: of(market!), stream: of(stream) },
      pairs: pairsOf(stream),
      process: of(process)
    }
  }
}

/** Protocols that are answered on a connection, as Protomux has them. */
function pairsOf(stream: NoiseStream): string[] {
  const { _notify } = (stream as unknown as { userData: { _notify: Map<string, unknown> } }).userData
  return [..._notify.keys()].sort()
}

test('a trade that opens and closes leaves no handler and no listener behind', async t => {
  const ground = await Ground.open(t)
  const before = ground.counts
  const away: WalletChoice = {
    backend: 'cln',
    settings: { socket: join(ground.dir, 'lightning-rpc') },
    node: { id: Buffer.alloc(33, 2), network: 'regtest' },
    consented: null
  }
  for (const choice of [PLAY, PLAY, away, PLAY]) {
    const trade = ground.trade(choice)
    await trade.ready()
    const { deals, payments, ledger, wallet } = trade
    assert.notDeepEqual(ground.counts, before, 'it is registered while it is open')
    assert.ok(deals.registered.methods.length > 10)
    assert.equal(deals.registered.streams, 1)
    await trade.close()
    assert.deepEqual(ground.counts, before, `after ${choice?.backend ?? 'the first wallet'}`)
    assert.deepEqual(deals.registered, { methods: ['hello'], streams: 0, exchange: false })
    for (const part of [payments, payments.reconciler, ledger, wallet, deals])
      for (const event of ['received', 'mended', 'faults', 'fault', 'settled', 'met'])
        assert.equal(part.listenerCount(event), 0, event)
  }
})

test('a trade whose opening fails leaves nothing behind, and names what failed', async t => {
  const ground = await Ground.open(t)
  const before = ground.counts
  // the worker is opened late, after all that answers peers of storage, and has registered its handlers by then
  const broken = Object.create(JobRecords.prototype, {
    list: {
      value: () => {
        throw new Error('no worker today')
      }
    }
  }) as JobRecords
  const trade = new Trade({
    ...{ store: ground.store, network: ground.network, books: ground.books, ...ground.self },
    ...{ dir: ground.dir, wallet: PLAY, serve: true, resources: RESOURCES, timeouts: TIMEOUTS },
    worker: { jobs: broken },
    log: faultLog(error => ground.faults.push(error))
  })
  await assert.rejects(trade.ready(), { service: 'worker' })
  assert.deepEqual(ground.counts, before)
  assert.deepEqual(ground.faults, [])
  assert.deepEqual(trade.deals.registered, { methods: ['hello'], streams: 0, exchange: false })
  assert.equal(trade.payments.listenerCount('received'), 0)
  await trade.close()
  const again = ground.trade(PLAY)
  await again.ready() // its wallet and its ledger were given back
  await again.close()
  assert.deepEqual(ground.counts, before)
})

test('a second handler for a method is an error, until the first is taken back', async () => {
  const [one] = await person()
  const self = { ...one!, lightning: Buffer.alloc(33, 2), network: 'play-1' }
  const connector = {
    connect: () => Promise.reject(new Error('nobody')),
    isOnline: true,
    dealings: () => null
  }
  const deals = new Deals({
    self,
    resources: new Resources(RESOURCES.map(({ resource }) => resource)),
    store: storeIn('unused'),
    connector,
    log: faultLog(error => assert.fail(String(error)))
  })
  const dispose = deals.handle('end', () => assert.fail())
  assert.throws(() => deals.handle('end', () => assert.fail()), /'end' has a handler already/)
  assert.throws(() => deals.handle('hello', () => assert.fail()), /'hello' has a handler already/)
  dispose()
  deals.handle('end', () => assert.fail())
  dispose()
  assert.ok(deals.registered.methods.includes('end'), 'a disposer takes back its own handler alone')
  const exchange = { show: () => [], judge: async () => undefined }
  const end = deals.exchange(exchange)
  assert.throws(() => deals.exchange({ ...exchange }), /exchanged already/)
  end()
  deals.exchange({ ...exchange })
})

test('Lightning is spoken once over a connection, until it or the trade closes', () => {
  const log: string[] = []
  const streams = [1, 2].map(
    () => Object.assign(new EventEmitter(), { destroyed: false }) as unknown as NoiseStream
  )
  const links = new LightningLinks(stream => {
    const name = String(streams.indexOf(stream))
    log.push(`link ${name}`)
    return { close: () => log.push(`close ${name}`) }
  })
  for (const stream of [...streams, ...streams]) links.add(stream)
  streams[0]!.emit('close')
  assert.deepEqual(log, ['link 0', 'link 1', 'close 0'])
  links.close()
  links.close()
  assert.deepEqual(log.slice(3), ['close 1'])
  for (const stream of streams) assert.equal(stream.listenerCount('close'), 0)
})
