import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NoiseStream } from 'hyperdht'
import createTestnet from 'hyperdht/testnet.js'
import type { Testnet } from 'hyperdht/testnet.js'
import type { Lease, MirrorJob } from '#spec'
import { chargeOf } from '../../../contracts/money/installments.js'
import { MINUTE } from '../../../contracts/money/quantity.js'
import { agreementId } from '../../../contracts/terms.js'
import { nullLogger } from '../../../src/base/logger.js'
import { Experiences } from '../../../src/deal/sellers/experience.js'
import { drivePacker } from '../../../src/storage/archive/packer.js'
import { mirrorsOf } from '../../../src/storage/buyer/mirror-names.js'
import { Mirrors } from '../../../src/storage/buyer/mirrors.js'
import type { MirrorOutcome, MirrorRequest } from '../../../src/storage/buyer/mirrors.js'
import { Refunds } from '../../../src/storage/buyer/refunds.js'
import { copiesOf } from '../../../src/storage/buyer/upkeep/copies.js'
import { Extending } from '../../../src/storage/buyer/upkeep/extending.js'
import type { MirrorTask } from '../../../src/storage/buyer/upkeep/mirror-upkeep.js'
import { Maintenance } from '../../../src/storage/buyer/upkeep/maintenance.js'
import { Replacement } from '../../../src/storage/buyer/upkeep/replacement.js'
import { Tokens } from '../../../src/storage/buyer/upkeep/tokens.js'
import { isOpen } from '../../../src/storage/lease/challenge.js'
import { TIMEOUTS } from '../../../src/storage/lease/timeouts.js'
import { DEFAULT_POLICY } from '../../../src/storage/provider/selling.js'
import { DealSide } from '../../integration/gate/pair/deal-side.js'
import { ProviderNode } from './provider-node.js'

/** Of one visit, so that what is tried again after minutes is tried. */
const ROUNDS = 4
const ROUND = 15 * MINUTE
/** A provider that is gone does not hold up the test. */
const WAITS = { ...TIMEOUTS, connect: 2_000, answer: 5_000, audit: 10_000 }

/** A buyer and its providers, whose clocks the test sets: a year passes in minutes. */
export class Year {
  readonly providers: ProviderNode[] = []
  readonly gone = new Set<ProviderNode>()
  readonly mirrors: Mirrors
  readonly #dir: string
  readonly #testnet: Testnet
  readonly #buyer: DealSide
  readonly #maintenance: Maintenance
  readonly #tasks: readonly MirrorTask[]
  /** Payments that followed an audit that failed or was not answered. */
  readonly wrongPayments: string[] = []
  /** Added to the clock of all, ms. */
  #later = 0

  private constructor(dir: string, testnet: Testnet, buyer: DealSide, shared: { now: () => number }) {
    this.#dir = dir
    this.#testnet = testnet
    this.#buyer = buyer
    const { store, deals, payments, leases, debts, wallet, log } = buyer
    const clock = (): number => this.now
    shared.now = clock
    const tokens = new Tokens({ store, leases, folder: join(dir, 'tokens'), now: clock })
    const context = { deals, payments, leases, debts, now: clock, timeouts: WAITS, tokens }
    this.mirrors = new Mirrors({
      ...context,
      ...{ store, log: nullLogger, folder: join(dir, 'drives'), packer: drivePacker },
      experiences: new Experiences(store, clock),
      asks: async () => this.providers.filter(one => !this.gone.has(one)).map(({ booked }) => booked),
      spendable: async () => (await wallet.balance()).spendableMsat,
      minGrace: DEFAULT_POLICY.grace
    })
    const open = (device: Buffer) => deals.open(device, { timeoutMs: WAITS.connect })
    const refunds = new Refunds({ ...context, open, retry: { first: 1, last: 1 } })
    this.#maintenance = new Maintenance({
      ...{ ...context, refunds, log, retry: { first: 1, last: 1 } },
      ahead: lease => this.mirrors.aheadOf(lease)
    })
    this.#tasks = [new Extending(this.mirrors, nullLogger), new Replacement(this.mirrors, nullLogger)]
    wallet.onpay = hash => this.#watch(hash)
  }

  static async open(): Promise<Year> {
    const dir = await mkdtemp(join(tmpdir(), 'bushel-year-'))
    const testnet = await createTestnet(2, { host: '127.0.0.1' })
    const shared = { now: Date.now as () => number }
    const wire = { tap: (_stream: NoiseStream) => undefined }
    const buyer = await DealSide.open(join(dir, 'buyer'), testnet.bootstrap, 3, wire, () => shared.now())
    await mkdir(join(dir, 'drives'))
    return new Year(dir, testnet, buyer, shared)
  }

  get now(): number {
    return Date.now() + this.#later
  }

  get bought(): readonly Lease[] {
    return [...this.#buyer.leases.list('buyer')].map(({ lease }) => lease)
  }

  /** A further provider at this price, msat per TiB and 30 days. */
  async provider(price: bigint): Promise<ProviderNode> {
    const name = 10 + this.providers.length
    const dir = join(this.#dir, `provider-${name}`)
    const now = (): number => this.now
    const made = await ProviderNode.open(dir, this.#testnet.bootstrap, { name, now, price })
    made.side.wallet.peer = this.#buyer.wallet
    this.#buyer.wallet.others.push(made.side.wallet)
    this.providers.push(made)
    return made
  }

  estimate(request: MirrorRequest): Promise<MirrorOutcome> {
    return this.mirrors.estimate(request, { note: () => undefined })
  }

  mirror(request: MirrorRequest): Promise<MirrorOutcome> {
    const none = (): undefined => undefined
    const listener = { note: none, packed: none, uploaded: none, paid: none }
    return this.mirrors.run(request, listener, new AbortController().signal)
  }

  /** Lets time pass in which the buyer is away, ms. */
  async pass(time: number): Promise<void> {
    this.#later += time
    for (const provider of this.#present) await provider.leaseManager.look()
  }

  /** The buyer's node is up for an hour: it audits, pays, and replaces what is lost. */
  async visit(): Promise<void> {
    for (let round = 0; round < ROUNDS; round++) {
      await this.#maintenance.look()
      await this.#maintenance.audited()
      await this.#maintenance.look()
      for (const task of this.#tasks) for (const job of this.kept) await this.#do(task, job)
      await this.pass(ROUND)
    }
  }

  /** What cannot be done now is tried again in the next round. */
  async #do(task: MirrorTask, job: MirrorJob): Promise<void> {
    const copies = this.copies(job)
    if (task.isDue(job, copies))
      await task.run(job, copies, new AbortController().signal).catch(() => undefined)
  }

  /** A provider goes, and does not come back. */
  async vanish(provider: ProviderNode): Promise<void> {
    this.gone.add(provider)
    await provider.close()
  }

  get kept(): readonly MirrorJob[] {
    return mirrorsOf(this.#buyer.store, this.#buyer.leases)
  }

  copies(job: MirrorJob): ReturnType<typeof copiesOf> {
    return copiesOf(job, this.#buyer.leases, this.now)
  }

  /** The copies that have answered their audits. */
  get healthy(): readonly Lease[] {
    const { leases } = this.#buyer
    return this.kept
      .flatMap(job => this.copies(job).living)
      .filter(lease => leases.health(lease) === 'healthy')
  }

  providerOf({ terms }: Lease): ProviderNode {
    return this.providers.find(({ side }) => side.who.device.publicKey.equals(terms.provider.device!))!
  }

  /** Paid and not served, of one lease, with its charge for a ms. */
  atRisk(lease: Lease): { msat: bigint; aheadMs: number } {
    const paid = this.#buyer.payments.ledger.totals(agreementId(lease.terms)).paidMsat
    const { time } = lease.terms
    const paidMs = Number((paid * BigInt(time)) / chargeOf(lease.terms))
    const aheadMs = Math.max(0, lease.start + paidMs - this.now)
    return { msat: (paid * BigInt(Math.floor(aheadMs))) / BigInt(Math.max(1, Math.floor(paidMs))), aheadMs }
  }

  /** What the buyer has paid, less what came back, msat. */
  get spentMsat(): bigint {
    const { ledger } = this.#buyer.payments
    return this.bought.reduce((sum, { terms }) => {
      const { paidMsat, refundedMsat } = ledger.totals(agreementId(terms))
      return sum + paidMsat - refundedMsat
    }, 0n)
  }

  async close(): Promise<void> {
    await this.#maintenance.close()
    for (const provider of this.#present) await provider.close()
    await this.#buyer.close()
    await this.#testnet.destroy()
    await rm(this.#dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }

  get #present(): readonly ProviderNode[] {
    return this.providers.filter(one => !this.gone.has(one))
  }

  async #watch(hash: Buffer): Promise<void> {
    const { payments, leases } = this.#buyer
    const { agreement, kind } = payments.ledger.byHash(hash)!
    const audits = leases.auditOf(agreement)
    if (kind === 'installment' && (isOpen(audits) || audits.failing))
      this.wrongPayments.push(agreement.toString('hex'))
  }
}
