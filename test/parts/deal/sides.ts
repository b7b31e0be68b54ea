import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import createTestnet from 'hyperdht/testnet.js'
import type { Testnet } from 'hyperdht/testnet.js'
import ProtomuxRPC from 'protomux-rpc'
import type { AgreementRequest, Countersign, Hello, Order, QuoteRequest, StorageRequest, Terms } from '#spec'
import { PUBLIC_READ } from '../../../contracts/keys/read-key.js'
import { decode, encode } from '../../../contracts/schema/codec.js'
import type { StructName, StructOf } from '../../../contracts/schema/codec.js'
import { billedBytes } from '../../../contracts/money/money.js'
import { SIDE, orderId } from '../../../contracts/order.js'
import { DAY, GIB, HOUR } from '../../../contracts/money/quantity.js'
import { planInstallments } from '../../../contracts/money/installments.js'
import { STRIP_LENGTH } from '../../../contracts/schema/counts.js'
import { PROTOCOL_VERSION, agreementId } from '../../../contracts/terms.js'
import { PROTOCOL } from '../../../src/deal/channel.js'
import { Deals } from '../../../src/deal/deals.js'
import { DeclineError } from '../../../src/deal/decline.js'
import type { OwnKeys } from '../../../src/deal/deals.js'
import { Provider } from '../../../src/deal/negotiation/provider.js'
import { Resources } from '../../../src/deal/resource.js'
import { compute } from '../../../src/compute/resource.js'
import { storage } from '../../../src/storage/resource.js'
import type { LeaseInquiry, SignedTerms } from '../../../src/storage/buyer/lease-terms.js'
import { DEFAULT_POLICY, StorageSelling } from '../../../src/storage/provider/selling.js'
import type { LeaseDesk } from '../../../src/storage/provider/selling.js'
import { replyTable } from '../../../src/deal/tables.js'
import { change } from '../../../src/store/change.js'
import type { Change } from '../../../src/store/change.js'
import { rawCodec, tableMaker } from '../../../src/store/definition.js'
import type { AnyTable } from '../../../src/store/definition.js'
import { bytes as bytesKey } from '../../../src/store/key.js'
import type { Store } from '../../../src/store/store.js'
import { storeIn } from '../store/store-in.js'
import { Network } from '../../../src/network/network.js'
import { lightningId, person } from '../../samples/people.js'
import { loggerTo } from '../../../src/base/logger.js'
import type { LogLine } from '../../../src/base/logger.js'

export const MARKET = Buffer.alloc(32, 1)
export const RESOURCES = new Resources([storage, compute])
export const PRICE = 25_600_000n
export const CORES = [
  { key: Buffer.alloc(32, 11), length: 10, byteLength: 10_000 },
  { key: Buffer.alloc(32, 12), length: 400, byteLength: 100_000_000 }
]

/** A private DHT in a folder of its own, and the nodes on it. */
export class NodeGroup {
  readonly #testnet: Testnet
  readonly #folder: string
  readonly #sides: Side[] = []

  constructor(testnet: Testnet, folder: string) {
    this.#testnet = testnet
    this.#folder = folder
  }

  static async open(): Promise<NodeGroup> {
    return new NodeGroup(
      await createTestnet(2, { host: '127.0.0.1' }),
      await mkdtemp(join(tmpdir(), 'bushel-deal-'))
    )
  }

  /** A node of a new person; `given` overrides what it claims about itself. */
  async side(given: Partial<OwnKeys> = {}): Promise<Side> {
    const [one] = await person()
    const self: OwnKeys = { ...one!, lightning: lightningId(), network: 'play-1', ...given }
    const side = new Side(self, join(this.#folder, `${this.#sides.length}`), this.#testnet.bootstrap)
    this.#sides.push(side)
    await side.open()
    return side
  }

  async close(): Promise<void> {
    await Promise.all(this.#sides.map(side => side.close()))
    await this.#testnet.destroy()
    await rm(this.#folder, { recursive: true })
  }
}

const table = tableMaker('test/')

/** Encoded terms of agreements that a `FakeSeller` has signed, by agreement. */
export const agreedTable = table('agreed-terms', bytesKey(32), rawCodec, {
  unbounded: 'a test agrees on few',
  forget: 'never'
})

/** The countersigned first lists of these agreements. */
const countersignTable = table('agreed-lists', bytesKey(32), 'countersign', {
  unbounded: 'a test agrees on few',
  forget: 'never'
})

/** Store, network and deals of one node, on a clock that the test can move forward. */
export class Side {
  readonly self: OwnKeys
  readonly #file: string
  readonly #bootstrap: Testnet['bootstrap']
  readonly faults: unknown[] = []
  /** What it has said, faults among it. */
  readonly lines: LogLine[] = []
  /** Added to its clock, ms. */
  ahead = 0
  store!: Store
  network!: Network
  deals!: Deals

  constructor(self: OwnKeys, file: string, bootstrap: Testnet['bootstrap']) {
    this.self = self
    this.#file = file
    this.#bootstrap = bootstrap
  }

  get device(): Buffer {
    return this.self.device.publicKey
  }

  async open(): Promise<void> {
    this.store = storeIn(this.#file, [agreedTable, countersignTable] as unknown as AnyTable[])
    await this.store.ready()
    this.network = new Network({ keyPair: this.self.device, bootstrap: this.#bootstrap })
    this.deals = new Deals({
      self: this.self,
      resources: RESOURCES,
      store: this.store,
      connector: this.network,
      log: loggerTo(line => {
        this.lines.push(line)
        if (line.error !== undefined) this.faults.push(line.error)
      }),
      now: () => Date.now() + this.ahead
    })
    await this.deals.ready()
    this.network.on('connection', (stream: NoiseStream) => this.deals.attach(stream))
    await this.network.ready()
    await this.network.listen()
  }

  async close(): Promise<void> {
    await this.deals.close()
    await this.network.close()
    await this.store.close()
  }

  /** Number of records on its disk. */
  get count(): number {
    return this.store.table(replyTable).count + this.store.table(agreedTable).count
  }
}

/** A provider with one storage offer of limited space, whose shelf is a list of agreements. */
export class FakeSeller implements LeaseDesk {
  readonly side: Side
  readonly quotes: Provider
  readonly order: Order
  readonly id: Buffer
  space: bigint
  price = PRICE
  floor: bigint | null = null
  isListed = true
  agreements = 0

  constructor(side: Side, space: number = GIB) {
    this.side = side
    this.space = BigInt(space)
    this.order = {
      market: MARKET,
      nonce: Buffer.alloc(32, 2),
      revision: 1,
      side: SIDE.ask,
      resource: storage.id,
      network: 'play-1',
      price: PRICE,
      created: Date.now(),
      expires: Date.now() + DAY,
      withdrawn: false,
      identity: side.self.identity,
      device: side.device,
      body: encode('storage-ask', {
        space,
        minTime: HOUR,
        maxTime: 60 * DAY,
        minChargeMsat: 1000n,
        region: ''
      })
    }
    this.id = orderId(this.order)
    this.quotes = new Provider({
      deals: side.deals,
      quoteFor: DEFAULT_POLICY.quoteFor,
      ask: id =>
        this.isListed && id.equals(this.id)
          ? { order: { ...this.order, price: this.price }, floor: this.floor ?? this.price }
          : null
    })
    this.quotes.serve(storage, new StorageSelling({ self: side.self, policy: DEFAULT_POLICY, desk: this }))
  }

  /** The least that can be asked for on the wire: a byte for a day. */
  leastRequest(given: Partial<StorageRequest> = {}): QuoteRequest {
    const wanted = { bytes: 1, blocks: 1, time: DAY, firstInstallmentMsat: 1n, ...given }
    const body = storage.request.encode(wanted)
    return { market: MARKET, ask: this.id, revision: 1, resource: storage.id, body, offer: 0n }
  }

  async leastMsat(): Promise<null> {
    return null
  }

  leftFault(): null {
    return null
  }

  followFault(): string {
    return 'it keeps no lease'
  }

  async inboundFault(): Promise<null> {
    return null
  }

  capacityFault(_ask: Order, bytes: bigint): Promise<string | null> {
    let reserved = 0n
    for (const { value } of this.side.store.table(agreedTable).list())
      reserved += billedBytes(decode('terms', value).cores)
    return Promise.resolve(reserved + bytes > this.space ? 'no room' : null)
  }

  async makeRoom(ask: Order, { cores }: Terms): Promise<void> {
    const fault = await this.capacityFault(ask, billedBytes(cores))
    if (fault) throw new DeclineError('NO_CAPACITY', fault)
  }

  firstList(terms: Terms): StructOf<'installment-list'> {
    const agreement = agreementId(terms)
    const installments = planInstallments(terms)
      .slice(0, STRIP_LENGTH)
      .map(({ number, msat }) => ({
        installment: number,
        issue: 0,
        hash: crypto.hash([agreement, Buffer.from([number])]),
        msat
      }))
    return { agreement, installments }
  }

  agreed(terms: Terms, _signature: Buffer, countersign: Countersign): Change[] {
    this.agreements++
    const id = agreementId(terms)
    return [change(agreedTable, id, encode('terms', terms)), change(countersignTable, id, countersign)]
  }

  countersigned(agreement: Buffer): Countersign | null {
    return this.side.store.table(countersignTable).get(agreement)
  }

  request(given: Partial<LeaseInquiry> = {}): LeaseInquiry {
    return {
      market: MARKET,
      ask: this.id,
      revision: 1,
      price: PRICE,
      minChargeMsat: 1000n,
      offer: null,
      maxPrice: null,
      cores: CORES,
      time: 30 * DAY,
      firstInstallmentMsat: 5_000n,
      aheadMsat: 1_000_000n,
      minGrace: 7 * DAY,
      timeoutMs: 10_000,
      ...given
    }
  }
}

/** What a buyer stores in these tests. */
export const GOODS = { cores: CORES, readKey: PUBLIC_READ }

/** Signed terms as the buyer sends them. */
export function agreementRequest({ terms, signature, quote }: SignedTerms): AgreementRequest {
  return { resource: storage.id, terms: storage.terms.encode(terms), signature, quote }
}

/** A peer that speaks the protocol by hand, without the checks of the product. */
export class RawPeer {
  readonly stream: NoiseStream
  readonly rpc: ProtomuxRPC
  readonly side: Side
  readonly #closed: Promise<void>

  constructor(side: Side, stream: NoiseStream) {
    this.side = side
    this.stream = stream
    this.#closed = new Promise(resolve => stream.once('close', () => resolve()))
    stream.setMaxListeners(0)
    this.rpc = new ProtomuxRPC(stream, { protocol: PROTOCOL })
  }

  static async to(from: Side, device: Buffer): Promise<RawPeer> {
    return new RawPeer(from, await from.network.connect(device, 10_000))
  }

  get hello(): Hello {
    const { proof, lightning, network } = this.side.self
    return { version: PROTOCOL_VERSION, network, proof, lightning, clock: Date.now(), counters: [] }
  }

  async greet(hello: Hello = this.hello): Promise<StructOf<'reply'>> {
    return decode('reply', await this.send('hello', this.wrap('hello', hello)))
  }

  wrap<N extends StructName>(name: N, body: StructOf<N>, id = crypto.randomBytes(32)): Buffer {
    return encode('request', { id, body: encode(name, body) })
  }

  send(method: string, bytes: Buffer | null): Promise<Buffer | null> {
    return this.rpc.request(method, bytes, { timeout: 10_000 })
  }

  /**
   * Resolves when the other side has ended the connection; otherwise the time limit of the test ends the
   * wait.
   */
  async disconnected(): Promise<void> {
    await this.#closed
  }
}
