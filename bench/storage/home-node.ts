import { setImmediate as turn } from 'node:timers/promises'
import type { Order, QuoteRequest } from '#spec'
import { SIDE } from '../../contracts/order.js'
import { DAY, GIB } from '../../contracts/money/quantity.js'
import { encode } from '../../contracts/schema/codec.js'
import { nullLogger } from '../../src/base/logger.js'
import { Provider } from '../../src/deal/negotiation/provider.js'
import { Resources } from '../../src/deal/resource.js'
import { homeStore } from '../../src/node/home-store.js'
import { LeaseManager } from '../../src/storage/provider/lease-manager.js'
import type { LeaseManagerOptions } from '../../src/storage/provider/lease-manager-options.js'
import { Leases } from '../../src/storage/lease/leases.js'
import { DEFAULT_POLICY, StorageSelling } from '../../src/storage/provider/selling.js'
import { storage } from '../../src/storage/resource.js'
import { person } from '../../test/samples/people.js'
import { median } from '../figure.js'
import { answer, orderOf } from '../stage.js'
import { memoryOf } from './own-memory.js'

/** What was measured in one process: ms, and MB of memory. */
export interface HomeTimes {
  start: number
  firstLook: number
  look: number
  quote: number
  /** Of its own. */
  memory: number
  /** With the pages of the store's file that are mapped, which the system takes back when it needs them. */
  resident: number
}

const REPEATS = 25

/** The provider's side of storage on the store of a home. Network, shelf and ledger are empty stand-ins. */
async function measure(dir: string): Promise<HomeTimes> {
  const [self] = await person()
  const begun = performance.now()
  const store = homeStore(dir)
  await store.ready()
  const handlers = new Map<string, (...given: unknown[]) => unknown>()
  const deals = {
    self: { ...self!, lightning: Buffer.alloc(33, 2), network: 'play-1' },
    store,
    resources: new Resources([storage]),
    now: Date.now,
    handle(method: string, handler: (...given: unknown[]) => unknown) {
      handlers.set(method, handler)
      return () => undefined
    }
  }
  const ledger = { contiguous: () => Number.MAX_SAFE_INTEGER, at: () => [], totals: () => ({}) }
  const payments = { ledger, on: () => undefined, off: () => undefined, applied: () => undefined }
  const shelf = {
    leases: [],
    canReserve: () => Promise.resolve(true),
    on: () => undefined,
    off: () => undefined
  }
  const announcer = { join: () => undefined, leave: () => Promise.resolve() }
  const manager = new LeaseManager({
    ...{ deals, payments, shelf, announcer },
    leases: new Leases(store),
    debts: {},
    canReceive: () => Promise.resolve(true),
    log: nullLogger,
    tickEvery: DAY
  } as unknown as LeaseManagerOptions)
  await manager.ready()
  const start = performance.now() - begun
  const ask = askOf(self!.identity, self!.device.publicKey)
  const provider = new Provider({
    deals,
    quoteFor: DEFAULT_POLICY.quoteFor,
    ask: () => ({ order: ask, floor: ask.price })
  } as unknown as ConstructorParameters<typeof Provider>[0])
  provider.serve(storage, new StorageSelling({ self: deals.self, policy: DEFAULT_POLICY, desk: manager }))
  const request: QuoteRequest = {
    market: ask.market,
    ask: Buffer.alloc(32, 3),
    revision: 1,
    resource: storage.id,
    body: storage.request.encode({
      bytes: 100_000_000,
      blocks: 1600,
      time: 30 * DAY,
      firstInstallmentMsat: 1n
    }),
    offer: 0n
  }
  const buyer = { device: Buffer.alloc(32, 6), identity: Buffer.alloc(32, 7), lightning: Buffer.alloc(33, 2) }
  const times: HomeTimes = {
    start,
    firstLook: await taken(() => manager.look()),
    look: await repeated(() => manager.look()),
    quote: await repeated(() => handlers.get('quote')!(request, buyer, null, Buffer.alloc(32, 5))),
    memory: memoryOf('RssAnon'),
    resident: memoryOf('VmRSS')
  }
  await manager.close()
  await store.close()
  return times
}

async function taken(work: () => unknown): Promise<number> {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

async function repeated(work: () => unknown): Promise<number> {
  const all: number[] = []
  for (let i = 0; i < REPEATS; i++) {
    all.push(await taken(work))
    await turn()
  }
  return median(all)
}

function askOf(identity: Buffer, device: Buffer): Order {
  const body = { space: 1e6 * GIB, minTime: DAY, maxTime: 400 * DAY, minChargeMsat: 1000n, region: '' }
  return {
    market: Buffer.alloc(32, 2),
    nonce: Buffer.alloc(32, 2),
    revision: 1,
    side: SIDE.ask,
    resource: storage.id,
    network: 'play-1',
    price: 1000n,
    created: Date.now(),
    expires: Date.now() + DAY,
    withdrawn: false,
    identity,
    device,
    body: encode('storage-ask', body)
  }
}

answer(await measure(orderOf<{ dir: string }>().dir))
