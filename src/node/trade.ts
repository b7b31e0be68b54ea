import { createHmac } from 'node:crypto'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { KeyPair } from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import ReadyResource from 'ready-resource'
import { BushelError } from '../../contracts/errors.js'
import { RESOURCE, askOf } from '../../contracts/order.js'
import type { Books } from '../book/books.js'
import type { Market } from '../book/market.js'
import type { DealChannel } from '../deal/channel.js'
import { ComputeBids } from '../compute/bids.js'
import { Deals } from '../deal/deals.js'
import { Experiences } from '../deal/experience.js'
import { DEFAULT_POLICY, Provider } from '../deal/provider.js'
import type { Policy } from '../deal/provider.js'
import { StandingOrders } from '../deal/standing-orders.js'
import type { WalletChoice } from '../identity/config.js'
import type { Facts } from '../journal/facts.js'
import { checkInvoice } from '../lightning/invoice.js'
import { linkLightning } from '../lightning/play/link.js'
import { PlayWallet } from '../lightning/play/wallet.js'
import type { Wallet } from '../lightning/wallet.js'
import type { Network } from '../network/network.js'
import { Debts } from '../payment/debts.js'
import { Ledger } from '../payment/ledger.js'
import { Limits } from '../payment/limits.js'
import { Teller } from '../payment/teller.js'
import { Blobs } from '../compute/blobs.js'
import { EvidenceFiles } from '../compute/evidence-files.js'
import { Hires } from '../compute/hires.js'
import type { Jobs, RunListener } from '../compute/jobs.js'
import { JobRecords, isOver } from '../compute/job-records.js'
import { JOB_PATIENCE } from '../compute/patience.js'
import type { JobPatience } from '../compute/patience.js'
import { Worker } from '../compute/worker.js'
import type { WorkerOptions } from '../compute/worker.js'
import { Bids } from '../storage/bids.js'
import type { BookedBid } from '../storage/bids.js'
import { exchangeCounters } from '../storage/counters.js'
import type { CopyContext } from '../storage/copy.js'
import { Keeper } from '../storage/keeper.js'
import { Leases } from '../storage/leases.js'
import { Mirrors } from '../storage/mirrors.js'
import type { MirrorListener } from '../storage/mirrors.js'
import { drivePacker } from '../storage/packer.js'
import type { Patience } from '../storage/patience.js'
import type { BookedAsk } from '../storage/placement.js'
import { Refunds } from '../storage/refunds.js'
import { takeOver } from '../storage/restored-home.js'
import { Shelf } from '../storage/shelf.js'
import { Tenant } from '../storage/tenant.js'
import { ledgerFile, walletOf } from './backend.js'
import { jobsOf } from './job-buying.js'
import { readLending } from './lending.js'
import { fillBid, fitsBid } from './stored-bid.js'

export interface TradeOptions {
  /** The home's folder. */
  dir: string
  identity: Buffer
  device: KeyPair
  proof: Buffer
  facts: Facts
  network: Network
  books: Books
  /** The wallet that the home deals with. */
  backend: WalletChoice
  /** Provider and unattended buyer, too; else only what one mirror needs. */
  serve: boolean
  policy?: Partial<Policy>
  patience: Patience
  jobPatience?: Partial<JobPatience>
  /** What differs from how a worker is by default. */
  worker?: Partial<WorkerOptions>
  now?: () => number
  onfault: (error: unknown) => void
  onnote: (note: string) => void
}

/** The parts of a node that make deals: wallet, teller, deals, and both sides of storage and of compute. */
export class Trade extends ReadyResource {
  readonly wallet: Wallet & ReadyResource
  readonly ledger: Ledger
  readonly debts: Debts
  readonly limits: Limits
  readonly leases: Leases
  readonly jobs: JobRecords
  readonly blobs: Blobs
  readonly policy: Policy
  /** What the owner must know: a home that is an older copy, money that does not add up. */
  readonly alarms = new Set<string>()
  /** What the ledger was mended in, newest last. */
  readonly mended: string[] = []
  teller!: Teller
  refunds!: Refunds
  context!: CopyContext
  deals!: Deals
  orders!: StandingOrders
  mirrors!: Mirrors
  hires!: Hires
  worker: Worker | null = null
  keeper: Keeper | null = null
  shelf: Shelf | null = null
  bids: Bids | null = null
  tenant: Tenant | null = null
  runs!: Jobs
  computeBids: ComputeBids | null = null
  readonly #options: TradeOptions
  readonly #linked = new WeakSet<NoiseStream>()
  readonly #onconnection = (stream: NoiseStream): void => {
    this.deals.attach(stream)
    if (this.#deals(stream.remotePublicKey)) this.#greet(stream.remotePublicKey)
  }
  /** Lightning speaks only with whoever has shown its counters, and seen ours. */
  readonly #onmet = ({ stream }: DealChannel): void => {
    if (this.#options.serve) this.refunds.met(stream.remotePublicKey).catch(this.#options.onfault)
    if (!(this.wallet instanceof PlayWallet) || this.#linked.has(stream)) return
    this.#linked.add(stream)
    linkLightning(stream, this.wallet)
  }

  constructor(options: TradeOptions) {
    super()
    this.#options = options
    const { dir, backend, facts, now = Date.now } = options
    this.wallet = walletOf(dir, backend, facts)
    this.ledger = new Ledger(ledgerFile(dir, backend))
    this.debts = new Debts(facts, this.ledger)
    this.limits = new Limits({ ledger: this.ledger, real: this.wallet.real, facts, now })
    this.leases = new Leases(options.facts)
    this.jobs = new JobRecords(options.facts, now)
    const { fetch: stallMs } = { ...JOB_PATIENCE, ...options.jobPatience }
    this.blobs = new Blobs({ folder: join(dir, 'compute'), facts, stallMs })
    this.policy = { ...DEFAULT_POLICY, ...options.policy }
  }

  protected override async _open(): Promise<void> {
    const {
      facts,
      network,
      identity,
      device,
      proof,
      onfault,
      serve,
      books,
      dir,
      now = Date.now
    } = this.#options
    await this.wallet.ready()
    const secret = createHmac('sha256', device.secretKey).update('bushel/preimages').digest()
    const { wallet, ledger, limits, debts, leases } = this
    this.teller = new Teller({ ledger, wallet, checkInvoice, limits, secret, onfault, now })
    this.teller.reconciler.on('mended', (lines: string[]) => this.#mended(lines))
    this.teller.reconciler.on('faults', (lines: string[]) => lines.forEach(line => this.#alarm(line)))
    const { network: payments, nodeId: lightning } = this.wallet
    this.deals = new Deals({
      self: { identity, device, proof, lightning, network: payments },
      facts,
      connector: network,
      onfault,
      now
    })
    const { deals, teller } = this
    const abandon = wallet instanceof PlayWallet ? wallet.abandon.bind(wallet) : null
    const onalarm = (alarm: string): void => this.#alarm(alarm)
    exchangeCounters({
      deals,
      leases,
      ledger,
      onforgotten: (peer, forgotten) => takeOver({ teller, leases, abandon, onalarm }, peer, forgotten)
    })
    deals.on('met', this.#onmet)
    this.refunds = new Refunds({
      debts,
      teller,
      leases,
      now,
      patience: this.#options.patience,
      open: device => deals.open(device, this.#soon)
    })
    const market = (key: Buffer): Books['markets'][number] | null => books.get(key)
    this.orders = new StandingOrders({ self: this.deals.self, facts, market, onfault })
    const folder = join(dir, 'drives')
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const context: CopyContext = { deals, teller, leases, debts, now, patience: this.#options.patience }
    if (wallet instanceof PlayWallet) {
      context.orphans = {
        isOrphan: async hash => {
          const state = await wallet.payment(hash)
          return state.status === 'pending' && state.orphaned === true
        },
        resolve: async (hash, preimage) => void (await wallet.resolve(hash, preimage))
      }
    }
    this.context = context
    this.mirrors = new Mirrors({
      ...context,
      facts,
      folder,
      packer: drivePacker,
      experiences: new Experiences(facts, now),
      asks: (key, maxPrice) => this.#asks(key, maxPrice),
      spendable: async () => (await this.wallet.balance()).spendableMsat,
      minGrace: this.policy.grace
    })
    await this.#openCompute()
    if (serve) {
      this.shelf = new Shelf({ folder: join(dir, 'shelf') })
      this.shelf.on('problem', onfault)
      await this.shelf.ready()
      this.keeper = new Keeper({
        ...context,
        canReceive: (from, msat) => wallet.canReceive(from, msat),
        shelf: this.shelf,
        announcer: network,
        onfault
      })
      new Provider({
        deals: this.deals,
        policy: this.policy,
        goods: this.keeper,
        ask: id => this.orders.get(id)
      })
      network.serveCores((discoveryKey, stream) => this.keeper!.serve(discoveryKey, stream))
    }
    await this.teller.ready()
    await this.deals.ready()
    for (const stream of network.streams) this.#onconnection(stream)
    network.on('connection', this.#onconnection)
    await this.mirrors.sweep(await readdir(folder))
    await this.runs.ready()
    if (serve) await this.#serve(context)
  }

  async #openCompute(): Promise<void> {
    const { wallet, teller, deals, jobs, blobs } = this
    const { dir, network, onfault, serve, jobPatience, worker, now = Date.now } = this.#options
    await blobs.ready()
    this.hires = new Hires({
      ...{ deals, teller, jobs, blobs, now },
      evidence: new EvidenceFiles(join(dir, 'compute', 'evidence')),
      ...(jobPatience ? { patience: jobPatience } : {})
    })
    await this.hires.ready()
    network.serveCores((discoveryKey, stream) => blobs.serve(discoveryKey, stream))
    this.runs = jobsOf({
      ...{ blobs, now, onfault, hires: this.hires, limits: this.limits },
      ...{ books: this.#options.books, facts: this.#options.facts, identity: this.#options.identity },
      network: wallet.network,
      folder: join(dir, 'compute'),
      unattended: serve,
      listener: this.#runListener
    })
    if (!serve) return
    this.worker = new Worker({
      ...{ deals, teller, jobs, blobs, now, onfault },
      canReceive: (from, msat) => wallet.canReceive(from, msat),
      ask: id => this.orders.get(id),
      ...worker,
      settings: { ...readLending(this.#options.facts), ...worker?.settings }
    })
  }

  async #serve(context: CopyContext): Promise<void> {
    const { onfault, network, books } = this.#options
    await this.keeper!.ready()
    await this.orders.ready()
    await this.worker!.ready()
    this.tenant = new Tenant({ ...context, refunds: this.refunds, onfault })
    await this.tenant.ready()
    this.bids = new Bids({
      deals: this.deals,
      orders: this.orders,
      mirrors: this.mirrors,
      standing: () => this.#bids(),
      hasRoom: async (ask, bytes) => (await this.keeper!.capacityFault(ask, bytes)) === null,
      listener: this.#listener,
      onfault
    })
    await this.bids.ready()
    this.computeBids = new ComputeBids({
      orders: this.orders,
      facts: this.#options.facts,
      fits: (stored, signal) => fitsBid(this.runs, stored, signal),
      fill: (stored, signal) => fillBid(this.runs, stored, this.#runListener, signal),
      onnote: this.#options.onnote,
      onfault
    })
    await this.computeBids.ready()
    const follow = (market: Market): void =>
      void market.on('update', () => {
        this.bids!.soon()
        this.computeBids!.soon()
      })
    books.markets.forEach(follow)
    books.on('market', follow)
    await network.listen()
  }

  /** Do we have anything with that device that is not over? */
  #deals(device: Buffer): boolean {
    const { leases, ledger, jobs } = this
    for (const role of ['buyer', 'provider'] as const) {
      for (const { id, job } of jobs.list(role)) {
        const { buyer, provider } = job.terms
        if (!(role === 'buyer' ? provider : buyer).device.equals(device)) continue
        if (!isOver(job) || ledger.totals(id).inFlightMsat > 0n) return true
      }
      for (const { id, lease } of leases.list(role)) {
        const { buyer, provider } = lease.terms
        if (!(role === 'buyer' ? provider : buyer).device.equals(device)) continue
        if (!OVER.has(lease.state) || ledger.totals(id).inFlightMsat > 0n || this.refunds.isOwed(id))
          return true
      }
    }
    return false
  }

  /** Whoever we have dealings with is greeted, so that counters are compared and Lightning comes up. */
  #greet(device: Buffer): void {
    this.deals.open(device, this.#soon).catch((error: unknown) => {
      if (!(error instanceof BushelError)) this.#options.onfault(error)
    })
  }

  get #soon(): { timeoutMs: number } {
    return { timeoutMs: this.#options.patience.connect }
  }

  #alarm(alarm: string): void {
    if (this.alarms.has(alarm)) return
    this.alarms.add(alarm)
    this.#options.onnote(alarm)
  }

  #mended(lines: string[]): void {
    this.mended.push(...lines)
    this.mended.splice(0, this.mended.length - MAX_MENDED)
    for (const line of lines) this.#options.onnote(line)
  }

  readonly #listener: MirrorListener = {
    note: message => this.#options.onnote(message),
    packed: () => undefined,
    uploaded: () => undefined,
    paid: () => undefined
  }

  /** Of jobs that nobody waits for. */
  readonly #runListener: RunListener = {
    note: message => this.#options.onnote(message),
    state: () => undefined,
    paid: () => undefined
  }

  protected override async _close(): Promise<void> {
    this.#options.network.off('connection', this.#onconnection)
    await this.computeBids?.close()
    await this.runs?.close()
    await this.bids?.close()
    await this.worker?.close()
    await this.tenant?.close()
    await this.orders?.close()
    await this.keeper?.close()
    await this.deals?.close()
    await this.teller?.close()
    await this.shelf?.close()
    await this.hires?.close()
    await this.blobs.close()
    await this.wallet.close()
  }

  async #asks(key: Buffer, maxPrice: bigint | null): Promise<BookedAsk[]> {
    const market = this.#options.books.get(key)
    if (!market) return []
    const orders = await market.asks({
      resource: RESOURCE.storage,
      network: this.wallet.network,
      limit: MAX_ASKS,
      ...(maxPrice === null ? {} : { maxPrice })
    })
    return orders.map(({ id, order }) => {
      const { space, minTime, maxTime, minChargeMsat } = askOf(order)
      const { identity, device, price, revision } = order
      return { id, identity, device, price, revision, space, minTime, maxTime, minChargeMsat }
    })
  }

  async #bids(): Promise<BookedBid[]> {
    const network = this.wallet.network
    const lists = this.#options.books.markets.map(market =>
      market.bids({ resource: RESOURCE.storage, network, limit: MAX_BIDS })
    )
    return (await Promise.all(lists)).flat()
  }
}

/** Of the cheapest asks, so many are considered. */
const MAX_ASKS = 500
const MAX_BIDS = 200
/** Lines that are kept of what the ledger was mended in. */
const MAX_MENDED = 100
const OVER = new Set(['ENDED', 'VOID'])
