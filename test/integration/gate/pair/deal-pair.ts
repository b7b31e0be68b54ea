import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import type { Order } from '#spec'
import { encode } from '../../../../contracts/schema/codec.js'
import { BushelError } from '../../../../contracts/errors/error.js'
import { SIDE, orderId } from '../../../../contracts/order.js'
import { TokenRecorder } from '../../../../src/storage/archive/token-recorder.js'
import { Tokens } from '../../../../src/storage/buyer/upkeep/tokens.js'
import { formatLink } from '../../../../contracts/keys/link.js'
import { DAY, GIB, HOUR } from '../../../../contracts/money/quantity.js'
import { Provider } from '../../../../src/deal/negotiation/provider.js'
import { Experiences } from '../../../../src/deal/sellers/experience.js'
import { attachCore, openStore } from '../../../../src/network/cores.js'
import type { Address } from '../../../../src/network/network.js'
import { sealOf } from '../../../../src/storage/lease/audit.js'
import { BuyerLease } from '../../../../src/storage/buyer/buyer-lease.js'
import type { BuyerLeaseContext } from '../../../../src/storage/buyer/buyer-lease.js'
import { Inbox } from '../../../../src/storage/notices/inbox.js'
import { LeaseManager } from '../../../../src/storage/provider/lease-manager.js'
import type { LeaseState } from '../../../../src/storage/lease/leases.js'
import { DEFAULT_POLICY, StorageSelling } from '../../../../src/storage/provider/selling.js'
import type { Policy } from '../../../../src/storage/provider/selling.js'
import { storage } from '../../../../src/storage/resource.js'
import { mirrorsOf } from '../../../../src/storage/buyer/mirror-names.js'
import { Extending } from '../../../../src/storage/buyer/upkeep/extending.js'
import { Mirrors } from '../../../../src/storage/buyer/mirrors.js'
import type { MirrorListener, MirrorRequest, Packer } from '../../../../src/storage/buyer/mirrors.js'
import type { Timeouts } from '../../../../src/storage/lease/timeouts.js'
import { Refunds } from '../../../../src/storage/buyer/refunds.js'
import { LeaseShelf } from '../../../../src/storage/shelf/lease-shelf.js'
import { Maintenance } from '../../../../src/storage/buyer/upkeep/maintenance.js'
import type { MaintenanceOptions } from '../../../../src/storage/buyer/upkeep/maintenance.js'
import { faultsBetween } from '../../../world/gate/invariants.js'
import { DealSide } from './deal-side.js'
import { FaultyWire } from './faulty-wire.js'
import { retry } from './retry.js'
import { nullLogger } from '../../../../src/base/logger.js'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'

/** Timeouts that are a minute by default are a moment here, though not too short for a busy machine. */
export const TIMEOUTS: Timeouts = {
  connect: 3000,
  grace: 1000,
  quote: 1200,
  answer: 1200,
  seal: 1200,
  audit: 1200,
  upload: 4000,
  reach: 1000,
  route: 5000,
  payment: 2000,
  spare: 60_000,
  wallet: 2000,
  restore: 1000
}
/** For faults that lose no message: a slow machine is not taken for a lost one. */
const PATIENT: Timeouts = {
  connect: 30_000,
  grace: 1000,
  quote: 30_000,
  answer: 30_000,
  seal: 30_000,
  audit: 30_000,
  upload: 30_000,
  reach: 30_000,
  route: 60_000,
  payment: 30_000,
  spare: 60_000,
  wallet: 30_000,
  restore: 30_000
}
const ATTEMPTS = 20
const MARKET = Buffer.alloc(32, 1)
const TIME = 30 * DAY
const LONGER = 20 * DAY
const INSTALLMENT_MSAT = 1000n
const BLOCK = 1024
const BLOCKS = 3
/** Sometimes longer than a step waits for a pending payment. */
const PENDING_MS = 900
const QUIET_MS = 10_000

export interface DealOptions {
  /** Number of installments, a sat each. */
  installments: number
  /** The wallet fails the first payment of this installment, so that it needs another hash. */
  failing?: number
  /** Minimum charge, msat; one installment by default. */
  minChargeMsat?: bigint
  /** The payment of this installment stays pending for a while and then settles. */
  pending?: number
}

/** A buyer and a provider on their own connections with a faulty wire between them; one deal at a time. */
export class DealPair {
  readonly buyer: DealSide
  readonly provider: DealSide
  readonly wire: FaultyWire
  readonly #store: Corestore
  readonly shelf: LeaseShelf
  /** Of the provider. */
  readonly policy: Policy = {
    ...DEFAULT_POLICY,
    firstInstallmentMsat: INSTALLMENT_MSAT,
    maxInstallmentMsat: INSTALLMENT_MSAT
  }
  leaseManager: LeaseManager
  /** What the provider says to the buyer unasked. */
  readonly notices: Inbox
  readonly mirrors: Mirrors
  readonly #refunds: Refunds
  readonly #maintenance: Maintenance
  readonly #context: BuyerLeaseContext
  readonly #experiences: Experiences
  #order: Order
  #failing: number | undefined
  #pending: number | undefined
  /** Called when the buyer is about to claim a debt. */
  onclaim: () => Promise<void> = () => Promise.resolve()
  /** Added to the clock by which the provider ends leases, ms. */
  ahead = 0
  /** Both sides read them at each request. */
  readonly #timeouts: Timeouts = { ...TIMEOUTS }
  readonly tokens: Tokens
  /** Whether the mirrors that are packed have audit tokens. */
  makesTokens = false
  /** Added to the clock by which tokens are chosen, ms. */
  later = 0
  /** Notes to the buyer. */
  notes: string[] = []

  private constructor(dir: string, wire: FaultyWire, buyer: DealSide, provider: DealSide) {
    this.wire = wire
    this.buyer = buyer
    this.provider = provider
    buyer.wallet.peer = provider.wallet
    provider.wallet.peer = buyer.wallet
    this.#store = openStore(join(dir, 'cores'))
    this.#order = this.#ask(1)
    this.shelf = new LeaseShelf({ folder: join(dir, 'shelf') })
    const { deals } = provider
    this.leaseManager = this.#manager()
    new Provider({
      deals,
      quoteFor: this.policy.quoteFor,
      ask: id => (id.equals(orderId(this.#order)) ? { order: this.#order, floor: this.#order.price } : null)
    }).serve(storage, new StorageSelling({ self: deals.self, policy: this.policy, desk: this.leaseManager }))
    const mine = { deals: buyer.deals, payments: buyer.payments, leases: buyer.leases, debts: buyer.debts }
    const now = (): number => Date.now() + this.later
    this.tokens = new Tokens({ store: buyer.store, leases: mine.leases, folder: join(dir, 'tokens'), now })
    this.#context = { ...mine, now: Date.now, timeouts: this.#timeouts, tokens: this.tokens }
    this.#refunds = new Refunds({
      ...this.#context,
      open: async device => {
        await this.onclaim()
        return buyer.deals.open(device, { timeoutMs: this.#timeouts.connect })
      },
      retry: { first: 1, last: 1 }
    })
    this.#maintenance = this.maintenance({ retry: { first: 1, last: 1 } })
    this.notices = new Inbox(this.#context, buyer.log)
    buyer.deals.handle('notice', (signed, peer) => this.notices.hear(signed, peer))
    this.#experiences = new Experiences(buyer.store, Date.now)
    this.mirrors = new Mirrors({
      ...this.#context,
      store: buyer.store,
      log: nullLogger,
      folder: join(dir, 'drives'),
      packer: this.#packer,
      experiences: this.#experiences,
      asks: async () => [this.#booked()],
      spendable: async () => 1_000_000_000n,
      minGrace: DEFAULT_POLICY.grace
    })
    buyer.wallet.onpay = hash => this.#decideOutcome(hash)
  }

  #manager(): LeaseManager {
    const { deals, payments, leases, debts, log } = this.provider
    return new LeaseManager({
      deals,
      payments,
      leases,
      debts,
      canReceive: async () => true,
      shelf: this.shelf,
      timeouts: this.#timeouts,
      announcer: { join: () => null, leave: async () => undefined },
      log,
      now: () => Date.now() + this.ahead
    })
  }

  /** The manager of the provider's leases begins anew with what is on disk. It makes no more deals. */
  async restart(): Promise<void> {
    await this.leaseManager.close()
    this.leaseManager = this.#manager()
    await this.leaseManager.ready()
  }

  static async open(dir: string, bootstrap: Address[]): Promise<DealPair> {
    const wire = new FaultyWire(method => 1.3 * (method === 'hello' ? TIMEOUTS.connect : TIMEOUTS.answer))
    const [buyer, provider] = await Promise.all([
      DealSide.open(join(dir, 'buyer'), bootstrap, 3, wire),
      DealSide.open(join(dir, 'provider'), bootstrap, 4, wire)
    ])
    const pair = new DealPair(dir, wire, buyer, provider)
    await pair.shelf.ready()
    await pair.leaseManager.ready()
    await pair.provider.network.listen()
    return pair
  }

  /** Sets whether requests wait as long as any machine needs, or only so long that losses are soon noticed. */
  set isPatient(patient: boolean) {
    Object.assign(this.#timeouts, patient ? PATIENT : TIMEOUTS)
  }

  async close(): Promise<void> {
    this.wire.close()
    await this.buyer.close()
    await this.leaseManager.close()
    await this.provider.close()
    await this.shelf.close()
    await this.#store.close()
  }

  /** The maintenance of the buyer's leases. */
  maintenance(given: Pick<MaintenanceOptions, 'retry' | 'ahead'> & { now?: () => number }): Maintenance {
    return new Maintenance({
      ...this.#context,
      refunds: this.#refunds,
      log: this.buyer.log,
      ...given
    })
  }

  /** Ends the connection: the next step makes a new one. */
  disconnect(): void {
    for (const stream of this.buyer.network.streams) stream.destroy()
  }

  /** The request for a deal of this many installments. */
  request(installments: number): MirrorRequest {
    return {
      market: MARKET,
      path: randomBytes(8).toString('hex'),
      name: null,
      exclude: [],
      copies: 1,
      time: TIME,
      offer: null,
      maxPrice: null,
      renew: false,
      prepayMaxMsat: INSTALLMENT_MSAT * BigInt(installments),
      ahead: TIME
    }
  }

  readonly listener: MirrorListener = {
    note: text => void this.notes.push(text),
    uploaded: () => undefined,
    paid: () => undefined,
    packed: () => undefined
  }

  /** One deal from the first to the last installment, begun again as often as needed. Gives the lease. */
  async deal({
    installments,
    failing,
    pending,
    minChargeMsat = INSTALLMENT_MSAT
  }: DealOptions): Promise<Buffer> {
    this.#order = this.#ask(installments, minChargeMsat)
    this.#failing = failing
    this.#pending = pending
    const request = this.request(installments)
    await this.#retry(() => this.mirrors.run(request, this.listener, new AbortController().signal))
    return this.lease(LEASE.STORED)
  }

  /** The buyer's latest lease in this state. */
  lease(state: LeaseState): Buffer {
    return [...this.buyer.leases.list('buyer')].filter(({ lease }) => lease.state === state).at(-1)!.id
  }

  /** The buyer's lease as another part of its node would open it. */
  buyerLease(id: Buffer): BuyerLease {
    return new BuyerLease(this.#context, id)
  }

  /** Ends a lease early. */
  async end(id: Buffer): Promise<void> {
    await this.#retry(async () => {
      if (this.buyer.leases.get('buyer', id)!.state !== LEASE.ENDED)
        await this.buyerLease(id).end('the owner ended it')
    })
  }

  /** Extends a lease by 20 days, begun again as often as needed; gives the lease that follows. */
  async extend(id: Buffer): Promise<Buffer> {
    const job = mirrorsOf(this.buyer.store, this.buyer.leases).find(({ agreements }) =>
      agreements.some(one => one!.equals(id))
    )!
    const extending = new Extending(this.mirrors, nullLogger)
    return this.#retry(async () => {
      const before = this.buyer.leases.get('buyer', id)!
      const how = { time: LONGER, maxPrice: null }
      const { signal } = new AbortController()
      const [extended] = await extending.extend(job, [before], how, this.listener, signal)
      if (extended!.error) throw extended!.error
      return extended!.next!.id
    })
  }

  /** Has the debt of a lease refunded. */
  async refund(id: Buffer): Promise<void> {
    await this.#retry(async () => {
      // A lapsing lease may have asked to credit an installment from this debt: nothing is claimed before the
      // answer.
      await this.#maintenance.look()
      await this.#refunds.settle(id, this.#timeouts.payment)
      assert.ok(!this.#refunds.isOwed(id) || this.#owes(id), 'what is owed is paid back')
    })
  }

  /** Sends an invoice for the rest of a debt, once. */
  async claim(id: Buffer): Promise<void> {
    await this.#refunds.claim(id)
  }

  #owes(id: Buffer): never {
    throw new BushelError('TIMEOUT', `nothing came back yet for ${id.toString('hex')}`)
  }

  /** Exchanges one more message in each direction, so that messages held behind another one are delivered. */
  async exchangeOnce(id: Buffer): Promise<void> {
    const channel = await this.buyer.deals.open(this.provider.who.device.publicKey)
    const asked = channel.request('progress', { agreement: id }, { timeoutMs: this.#timeouts.answer })
    await assert.rejects(asked, { word: 'ENDED' })
  }

  /** Resolves when nothing is pending on either side and both sides add up. */
  async settle(): Promise<void> {
    for (const until = Date.now() + QUIET_MS; ;) {
      // As a running node does: leases that were given up are ended, and debts are claimed.
      await this.#maintenance.look()
      const faults = faultsBetween(await this.buyer.look(), await this.provider.look())
      if (faults.length === 0) break
      if (Date.now() > until) assert.fail([...faults, ...this.notes].join('; '))
      await pause(20)
    }
    assert.deepEqual(this.shelf.leases.length, 0, 'nothing is kept of what has ended')
    assert.deepEqual(this.buyer.faults.splice(0), [])
    assert.deepEqual(this.provider.faults.splice(0), [])
    const blamed = this.#experiences.of(this.provider.who.identity)
    assert.equal(blamed?.bad ?? 0, 0, `nobody is blamed for the wire: ${blamed?.note}`)
  }

  /** Repeats a step until it succeeds: its faults pass. */
  #retry<T>(step: () => Promise<T>): Promise<T> {
    return retry(step, ATTEMPTS, this.notes)
  }

  /** Decides the outcome of a payment in the wallet. */
  async #decideOutcome(hash: Buffer): Promise<void> {
    const { wallet, payments } = this.buyer
    const { installment, kind } = payments.ledger.byHash(hash)!
    wallet.next = 'settle'
    if (kind === 'installment' && installment === this.#failing) {
      this.#failing = undefined
      wallet.next = 'fail'
    } else if (kind === 'installment' && installment === this.#pending) {
      this.#pending = undefined
      wallet.next = 'pend'
      setTimeout(() => wallet.finish(hash, 'settle'), PENDING_MS)
    }
  }

  #ask(installments: number, minChargeMsat = INSTALLMENT_MSAT): Order {
    const { identity, device } = this.provider.who
    const bytes = BigInt(BLOCKS * (BLOCK + 128))
    return {
      market: MARKET,
      nonce: randomBytes(32),
      revision: 1,
      side: SIDE.ask,
      resource: storage.id,
      network: this.provider.wallet.network,
      // msat per TiB and 30 days, the time of the lease: one installment more than is paid in advance
      price: ((INSTALLMENT_MSAT * BigInt(installments + 1)) << 40n) / bytes,
      created: Date.now(),
      expires: Date.now() + DAY,
      withdrawn: false,
      identity,
      device: device.publicKey,
      body: encode('storage-ask', { space: GIB, minTime: HOUR, maxTime: 60 * DAY, minChargeMsat, region: '' })
    }
  }

  #booked(): Awaited<ReturnType<ConstructorParameters<typeof Mirrors>[0]['asks']>>[number] {
    const { identity, device, price, revision } = this.#order
    const id = orderId(this.#order)
    const { minChargeMsat } = storage.ask.decode(this.#order.body)
    const limits = { space: GIB, minTime: HOUR, maxTime: 60 * DAY, minChargeMsat }
    return { id, identity, device, price, revision, ...limits }
  }

  /** A drive of one small core. */
  readonly #packer: Packer = {
    survey: async path => ({
      files: 1,
      bytes: BLOCKS * BLOCK,
      fingerprint: Buffer.from(path.padEnd(32)),
      cores: [{ length: BLOCKS, byteLength: BLOCKS * BLOCK }],
      notes: []
    }),
    pack: async (path, _folder, { tokens }) => {
      const core = await this.#core(path)
      await core.append(Array.from({ length: BLOCKS }, () => randomBytes(BLOCK)))
      const recorder = tokens && this.makesTokens ? new TokenRecorder(tokens) : null
      for (let i = 0; i < BLOCKS; i++) recorder?.take(0, i * BLOCK, (await core.get(i))!)
      const { key, length, byteLength } = core
      const cores = [{ key, length, byteLength }]
      const link = formatLink({ key, encryptionKey: key })
      return {
        ...{ link, files: 1, bytes: byteLength, cores, tokens: recorder },
        sha256: randomBytes(32).toString('hex')
      }
    },
    reopen: async (_folder, cores) => {
      const core = this.#store.get({ key: cores[0]!.key })
      await core.ready()
      return {
        attach: async ({ stream }) => attachCore(core, stream),
        seals: async () => [await sealOf(core)],
        close: async () => undefined
      }
    }
  }

  async #core(name: string): Promise<Hypercore> {
    const core = this.#store.get({ name })
    await core.ready()
    return core
  }
}
