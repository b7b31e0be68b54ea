import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import HyperDHT from 'hyperdht'
import type { NoiseStream } from 'hyperdht'
import type { Order } from '#spec'
import { encode } from '../../../contracts/schema/codec.js'
import { formatKey } from '../../../contracts/keys/key.js'
import { SIDE, signOrder } from '../../../contracts/order.js'
import { DAY, GIB, HOUR } from '../../../contracts/money/quantity.js'
import type { Market } from '../../../src/book/market.js'
import { Deals } from '../../../src/deal/deals.js'
import type { OwnKeys } from '../../../src/deal/deals.js'
import { Provider } from '../../../src/deal/negotiation/provider.js'
import { Home } from '../../../src/identity/home.js'
import type { Store } from '../../../src/store/store.js'
import { storeIn } from '../store/store-in.js'
import { checkInvoice } from '../../../src/lightning/invoice.js'
import { linkLightning } from '../../../src/lightning/backends/play/link.js'
import type { LightningLink } from '../../../src/lightning/backends/play/link.js'
import { PLAY_NETWORK } from '../../../src/lightning/backends/play/network.js'
import { PlayWallet } from '../../../src/lightning/backends/play/wallet.js'
import type { Address } from '../../../src/network/network.js'
import { openNode } from '../../../src/node/node.js'
import type { BushelNode, NodeOptions } from '../../../src/node/node.js'
import { setUp } from '../../../src/daemon/setup.js'
import { Debts } from '../../../src/payment/debts.js'
import { Ledger } from '../../../src/payment/ledger.js'
import { Payments } from '../../../src/payment/payments.js'
import { LeaseManager } from '../../../src/storage/provider/lease-manager.js'
import { DEFAULT_POLICY, StorageSelling } from '../../../src/storage/provider/selling.js'
import type { LeaseDesk, Policy } from '../../../src/storage/provider/selling.js'
import { storage } from '../../../src/storage/resource.js'
import { Leases } from '../../../src/storage/lease/leases.js'
import { LeaseShelf } from '../../../src/storage/shelf/lease-shelf.js'
import { answerWithLies } from './lies.js'
import type { Lies } from './lies.js'
import { InvoiceForger } from './invoice-forger.js'
import { bareChannel } from '../book/bare-channel.js'
import { person } from '../../samples/orders.js'
import type { Person } from '../../samples/orders.js'
import { RESOURCES } from '../deal/sides.js'
import { faultLog } from '../../doubles/fault-log.js'

export interface ImpostorOptions {
  /** msat per TiB and 30 days, as on the book. */
  price: bigint
  minChargeMsat?: bigint
  lies?: (forger: InvoiceForger, who: Person) => Lies
  policy?: Partial<Policy>
  now?: () => number
  /** Name of its Lightning network. */
  network?: string
  /** Replaces the deal protocol on its connections. */
  onconnection?: (stream: NoiseStream, deals: Deals) => void
}

/** A provider without a store: it takes part up to the first payment and lies on the way. */
export interface Impostor {
  name: string
  device: Buffer
  deals: Deals
}

export interface RogueOptions {
  price: bigint
  policy?: Partial<Policy>
  lies?: (parts: RogueParts) => Lies
  /** False: the rogue that was paid before it keeps the Lightning connection. */
  takesOver?: boolean
}

/** The parts of the product's provider side, in the hands of a rogue. */
export interface RogueParts {
  device: KeyPair
  leases: Leases
  wallet: PlayWallet
}

/** A provider that can keep a drive and be paid as the product does, and lies where configured. */
export interface Rogue {
  name: string
  device: Buffer
}

/** Rogue providers on the private DHT of a test, with a reader of the market that publishes their offers. */
export class RogueGroup {
  readonly faults: unknown[] = []
  readonly #dir: string
  readonly #bootstrap: Address[]
  readonly #key: string
  readonly #dht: HyperDHT
  readonly #nodes: BushelNode[] = []
  readonly #closing: (() => Promise<void>)[] = []
  #market!: Market
  #publishing: Promise<void> = Promise.resolve()
  #wallet: Promise<PlayWallet> | null = null
  #link: LightningLink | null = null

  private constructor(dir: string, bootstrap: Address[], key: string) {
    this.#dir = dir
    this.#bootstrap = bootstrap
    this.#key = key
    this.#dht = new HyperDHT({ bootstrap, host: '127.0.0.1', firewalled: false })
  }

  static async open({
    dir,
    bootstrap,
    market
  }: {
    dir: string
    bootstrap: Address[]
    market: string
  }): Promise<RogueGroup> {
    await mkdir(dir, { recursive: true })
    const group = new RogueGroup(dir, bootstrap, market)
    const { home } = await Home.create(join(dir, 'publisher'))
    const node = await group.#open(home, { serve: false })
    await node.call('market.join', { key: market }, quiet)
    group.#market = node.books.markets[0]!
    await group.#market.inStep({ timeoutMs: 10_000 })
    return group
  }

  /** A rogue that speaks the deal protocol and has neither wallet nor shelf. */
  async impostor(name: string, options: ImpostorOptions): Promise<Impostor> {
    const { lies, policy, now = Date.now, network = PLAY_NETWORK, onconnection } = options
    const who = await person()
    const forger = new InvoiceForger()
    const store = storeIn(join(this.#dir, `${name}.store`))
    await store.ready()
    const deals = this.#deals(store, { ...who, lightning: forger.nodeId, network }, now)
    const order = this.#ask(who, options)
    sell(deals, order, policy, {
      capacityFault: async () => null,
      makeRoom: async () => undefined,
      inboundFault: async () => null,
      leastMsat: async () => null,
      leftFault: () => null,
      followFault: () => 'it keeps no lease',
      firstList: terms => forger.list(terms),
      agreed: () => [],
      countersigned: () => null
    })
    deals.handle('strip', ({ agreement }) => ({ body: forger.strip(agreement) }))
    if (lies) answerWithLies(deals, lies(forger, who))
    await deals.ready()
    await this.#serve(who, stream => (onconnection ? onconnection(stream, deals) : deals.attach(stream)))
    await this.#publish(order, who)
    this.#closing.push(async () => {
      await deals.close()
      await store.close()
    })
    return { name, device: who.device.publicKey, deals }
  }

  /** A provider made of the product's own parts except for its lies. All rogues are paid over one wallet. */
  async rogue(name: string, { price, policy, lies, takesOver = true }: RogueOptions): Promise<Rogue> {
    const dir = join(this.#dir, name)
    await mkdir(dir, { recursive: true })
    const who = await person()
    const wallet = await (this.#wallet ??= this.#openWallet())
    const store = storeIn(join(dir, 'store'))
    await store.ready()
    const log = faultLog(error => this.faults.push(error))
    const secret = randomBytes(32)
    const payments = new Payments({
      ledger: new Ledger(store, 'ledger'),
      wallet,
      checkInvoice,
      secret,
      log
    })
    await payments.ready()
    const deals = this.#deals(store, { ...who, lightning: wallet.nodeId, network: PLAY_NETWORK })
    const leases = new Leases(store)
    const shelf = new LeaseShelf({ folder: join(dir, 'shelf') })
    await shelf.ready()
    const announcer = { join: () => null, leave: async () => undefined }
    const leaseManager = new LeaseManager({
      deals,
      payments,
      leases,
      debts: new Debts(store, payments.ledger),
      canReceive: async () => true,
      shelf,
      announcer,
      log
    })
    const order = this.#ask(who, { price })
    sell(deals, order, policy, leaseManager)
    answerWithLies(deals, {
      agree: (truth, _body, _from, { stream }) => {
        // One wallet has one connection to another: that of the rogue now in use.
        if (takesOver) this.#link?.close()
        if (takesOver) this.#link = linkLightning(stream, wallet)
        return truth()
      }
    })
    if (lies) answerWithLies(deals, lies({ device: who.device, leases, wallet }))
    await deals.ready()
    await leaseManager.ready()
    await this.#serve(who, stream => deals.attach(stream))
    await this.#publish(order, who)
    this.#closing.push(async () => {
      await leaseManager.close()
      await deals.close()
      await payments.close()
      await shelf.close()
      await store.close()
    })
    return { name, device: who.device.publicKey }
  }

  async #openWallet(): Promise<PlayWallet> {
    const wallet = new PlayWallet({ dir: join(this.#dir, 'wallet') })
    wallet.setMaxListeners(0)
    await wallet.ready()
    return wallet
  }

  #deals(store: Store, self: OwnKeys, now = Date.now): Deals {
    const connector = {
      connect: () => Promise.reject(new Error('it calls nobody')),
      isOnline: true,
      dealings: () => null
    }
    return new Deals({
      self,
      resources: RESOURCES,
      store,
      connector,
      log: faultLog(error => this.faults.push(error)),
      now
    })
  }

  /** Makes a device reachable by its key. */
  async #serve(who: Person, onconnection: (stream: NoiseStream) => void): Promise<void> {
    const streams = new Set<NoiseStream>()
    const server = this.#dht.createServer({}, stream => {
      streams.add(stream)
      stream.on('error', () => stream.destroy()) // the peers it lies to disconnect
      stream.once('close', () => streams.delete(stream))
      Hypercore.createProtocolStream(stream)
      onconnection(stream)
    })
    await server.listen(who.device)
    this.#closing.unshift(async () => {
      for (const stream of streams) stream.destroy()
      await server.close()
    })
  }

  /** A whole node in the market. */
  async node(
    name: string,
    options: Pick<NodeOptions, 'serve' | 'policy' | 'timeouts' | 'now'>
  ): Promise<BushelNode> {
    const dir = join(this.#dir, name)
    await setUp({ home: dir })
    const node = await this.#open(await Home.open(dir), options)
    await node.call('market.join', { key: this.#key }, quiet)
    return node
  }

  async #open(home: Home, options: Omit<NodeOptions, 'home' | 'bootstrap'>): Promise<BushelNode> {
    const log = faultLog(error => this.faults.push(error))
    const node = await openNode({ ...options, home, bootstrap: this.#bootstrap, log })
    this.#nodes.push(node)
    return node
  }

  #ask(who: Person, { price, minChargeMsat = 1000n, network = PLAY_NETWORK }: ImpostorOptions): Order {
    const now = Date.now()
    const body = { space: 10 * GIB, minTime: HOUR, maxTime: 365 * DAY, minChargeMsat, region: '' }
    return {
      market: this.#market.key,
      nonce: crypto.randomBytes(32),
      revision: 1,
      side: SIDE.ask,
      resource: storage.id,
      network,
      price,
      created: now,
      expires: now + DAY,
      withdrawn: false,
      identity: who.identity,
      device: who.device.publicKey,
      body: encode('storage-ask', body)
    }
  }

  /** One order at a time: a relay disconnects a sender that submits everything at once. */
  #publish(order: Order, who: Person): Promise<void> {
    return (this.#publishing = this.#publishing.then(async () => {
      await this.#attend(who)
      await this.#market.submit(await signOrder(order, who, this.#market.stampFor(order)))
    }))
  }

  /** Connects a device to the market's founder, as one does that sells: buyers dial those first that a relay sees. */
  async #attend(who: Person): Promise<void> {
    const stream = this.#dht.connect(this.#market.rules!.founder, { keyPair: who.device })
    stream.on('error', () => stream.destroy())
    this.#closing.unshift(async () => void stream.destroy())
    await bareChannel(stream, this.#market.key)
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.map(node => node.close()))
    this.#link?.close()
    for (const close of this.#closing) await close()
    await (await this.#wallet)?.close()
    await this.#dht.destroy()
  }
}

/** Quotes and agreements for this one ask. */
function sell(deals: Deals, order: Order, given: Partial<Policy> | undefined, desk: LeaseDesk): void {
  const policy = { ...DEFAULT_POLICY, ...given }
  const ask = (): { order: Order; floor: bigint } => ({ order, floor: order.price })
  const provider = new Provider({ deals, quoteFor: policy.quoteFor, ask })
  provider.serve(storage, new StorageSelling({ self: deals.self, policy, desk }))
}

/** A context for calls whose progress is ignored. */
export const quiet = { onProgress: (): void => undefined, signal: new AbortController().signal }

/** A device as the product writes it in its notes. */
export function shown(device: Buffer): string {
  return formatKey(device).slice(0, 8)
}
