import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import crypto from 'hypercore-crypto'
import type { CoreLimit, MirrorJob, StorageBid } from '#spec'
import { domain } from '../../../contracts/schema/codec.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { SAT, formatPrice, least, totalCharge } from '../../../contracts/money/money.js'
import { formatSize } from '../../../contracts/money/quantity.js'
import { distinct, priceLimit } from '../../deal/matching.js'
import type { Prices } from '../../deal/matching.js'
import type { Logger } from '../../base/logger.js'
import { change } from '../../store/change.js'
import type { Change } from '../../store/change.js'
import type { Store } from '../../store/store.js'
import type { PlannedSpending } from '../../payment/limits.js'
import { BuyerLease } from './buyer-lease.js'
import type { UploadSource } from './buyer-lease.js'
import { idOf } from '../lease/leases.js'
import { match } from './matching.js'
import { nameOf } from '../../base/states.js'
import { mirrorTable } from '../tables.js'
import { MIRROR, isResting, mirrorStates } from './mirror-state.js'
import type { MirrorState } from './mirror-state.js'
import { Placement, pricesOf } from './placement.js'
import type { BookedAsk, PlacementListener, PlacementContext } from './placement.js'

/** A packed drive. */
export interface PackedDrive {
  link: string
  files: number
  bytes: number
  cores: CoreLimit[]
  /** Checksum of the tree, hex. */
  sha256: string
}

/** Packs drives, each in a folder of its own that is deleted once the drive is mirrored. */
export interface Packer {
  /** Size and a fingerprint (names, sizes, times of the last change) of a path, without reading its files. */
  survey(path: string): Promise<{ files: number; bytes: number; fingerprint: Buffer }>
  pack(
    path: string,
    folder: string,
    options: { onbytes: (bytes: number) => void; onnote: (note: string) => void; signal: AbortSignal }
  ): Promise<PackedDrive>
  reopen(folder: string, cores: CoreLimit[]): Promise<UploadSource & { close(): Promise<void> }>
}

/** A tree to mirror. `offer` opens the negotiation, `maxPrice` bounds it. */
export interface MirrorRequest extends Prices {
  market: Buffer
  path: string
  copies: number
  /** ms. */
  time: number
  /** For all copies together, msat. */
  prepayMaxMsat: bigint
}

export interface MirrorListener extends PlacementListener {
  packed(bytes: number, total: number): void
}

export interface MirrorOutcome {
  link: string
  files: number
  bytes: number
  storedBytes: number
  leases: string[]
  paidMsat: bigint
  feesMsat: bigint
  atRiskMsat: bigint
  seconds: { pack: number; upload: number }
}

export interface MirrorsOptions extends Omit<PlacementContext, 'saveJob'> {
  store: Store
  log: Logger
  packer: Packer
  /** The folder in which drives are packed. */
  folder: string
}

/** Buys mirrors: packs, places and pays. A job is on disk from its first step, so that it goes on after a kill. */
export class Mirrors {
  readonly #options: MirrorsOptions
  readonly #context: PlacementContext
  readonly #running = new Set<string>()

  constructor(options: MirrorsOptions) {
    this.#options = options
    this.#context = { ...options, saveJob: job => this.#saveStep(job) }
  }

  /** The cost of a mirror by the best offers on the book; nothing is packed and no provider is asked. */
  async estimate(request: MirrorRequest): Promise<MirrorOutcome> {
    const survey = await this.#options.packer.survey(request.path)
    const { offers, charge } = await this.#affordable(request, survey.bytes)
    return {
      link: '',
      files: survey.files,
      bytes: survey.bytes,
      storedBytes: survey.bytes,
      leases: offers.map(() => ''),
      paidMsat: charge < request.prepayMaxMsat ? charge : request.prepayMaxMsat,
      feesMsat: 0n,
      atRiskMsat: 0n,
      seconds: { pack: 0, upload: 0 }
    }
  }

  async run(request: MirrorRequest, listener: MirrorListener, signal: AbortSignal): Promise<MirrorOutcome> {
    const { packer } = this.#options
    const survey = await packer.survey(request.path)
    const job = this.#unfinished(request, survey.fingerprint)
    if (!job) await this.#affordable(request, survey.bytes)
    const ready = job ?? (await this.#pack(request, survey, MIRROR.PACKED, listener, signal))
    if (job) listener.note('continuing an unfinished mirror of this path')
    return this.place(ready, listener, signal)
  }

  /** Rejects when a bid cannot be made: the path cannot be read, or the price is over a spending limit. */
  async checkBid(request: MirrorRequest): Promise<{ bytes: number; fingerprint: Buffer }> {
    const survey = await this.#options.packer.survey(request.path)
    // At the bid's highest price; the provider is not known yet.
    const plans = Array.from({ length: request.copies }, () =>
      planOf(request, survey.bytes, null, request.maxPrice ?? 0n)
    )
    const fault = this.#context.payments.limits.faultOfPlans(plans)
    if (fault) throw fault
    return survey
  }

  /** Packs the tree of a bid, to be placed once offers fit. */
  async prepare(request: MirrorRequest, listener: MirrorListener, signal: AbortSignal): Promise<MirrorJob> {
    return this.#pack(request, await this.checkBid(request), MIRROR.RESTING, listener, signal)
  }

  /** The book's order for a job that waits. */
  bidOf(job: MirrorJob): StorageBid {
    const { time, copies, cores } = job
    return { bytes: sum(cores, 'byteLength'), blocks: sum(cores, 'length'), time, copies }
  }

  async setBid(job: MirrorJob, bid: Buffer | null): Promise<MirrorJob> {
    const next = { ...job, bid, state: bid ? MIRROR.RESTING : MIRROR.WITHDRAWN }
    await this.#save(next)
    // A job that is being placed stays in use until that has ended.
    if (!bid && !this.#running.has(job.store)) await rm(this.#folderOf(job), { recursive: true, force: true })
    return next
  }

  /** Jobs whose bid rests on the book. */
  *bids(): Generator<MirrorJob> {
    const resting = nameOf(MIRROR.RESTING)
    for (const { value } of this.#table.by('packed', { under: resting })) yield value
  }

  jobOfBid(bid: Buffer): MirrorJob | null {
    return this.#table.first('bid', { under: bid })?.value ?? null
  }

  /** True when the book has enough offers for this job. */
  async placeable(job: MirrorJob): Promise<boolean> {
    const prices = pricesOf(job)
    const asks = await this.#context.asks(job.market, priceLimit(prices))
    const fitting = this.#match(asks, { ...prices, time: job.time }, sum(job.cores, 'byteLength'))
    return distinct(fitting, job.copies).length >= job.copies
  }

  /** Places a packed job and pays; its packed copy is deleted when every provider holds it. */
  async place(job: MirrorJob, listener: MirrorListener, signal: AbortSignal): Promise<MirrorOutcome> {
    const folder = this.#folderOf(job)
    if (this.#running.has(job.store)) {
      throw new BushelError(
        'IN_PROGRESS',
        'this path is being mirrored already',
        'follow it with: bushel leases --watch'
      )
    }
    this.#running.add(job.store)
    const started = Date.now()
    const goods = await this.#options.packer.reopen(folder, job.cores)
    try {
      const copies = await new Placement(this.#context, job, goods, listener).run(signal)
      await goods.close()
      const done = this.#job(job.store) ?? job
      await this.#save({ ...done, state: MIRROR.KEPT, agreements: copies.map(copy => copy.id) })
      await rm(folder, { recursive: true, force: true })
      return this.#outcome(done, copies, Date.now() - started)
    } catch (error) {
      await goods.close()
      await this.#giveUp(job.store, folder)
      throw error
    } finally {
      this.#running.delete(job.store)
    }
  }

  /** Deletes a job that came to nothing; keeps one that was paid for or waits as a bid. */
  async #giveUp(store: string, folder: string): Promise<void> {
    const job = this.#job(store)
    if (!job || isResting(job)) return
    const paid = job.agreements.some(id => new BuyerLease(this.#context, id).paidInstallments > 0)
    if (paid) return
    await this.#options.store.set(this.#change(store, null))
    await rm(folder, { recursive: true, force: true })
  }

  async #affordable(request: MirrorRequest, bytes: number): Promise<{ offers: BookedAsk[]; charge: bigint }> {
    const asks = await this.#context.asks(request.market, null)
    const fitting = distinct(this.#match(asks, request, bytes), request.copies)
    if (fitting.length < request.copies) throw this.#tooFew(request, bytes, asks, fitting.length)
    const atMost = (price: bigint): bigint => least(price, request.maxPrice ?? price)
    const plans = fitting.map(({ identity, price }) => planOf(request, bytes, identity, atMost(price)))
    const fault = this.#context.payments.limits.faultOfPlans(plans)
    if (fault) throw fault
    const charge = plans.reduce((all, { chargeMsat }) => all + chargeMsat, 0n)
    const ahead = charge < request.prepayMaxMsat ? charge : request.prepayMaxMsat
    const spendable = await this.#context.spendable()
    if (ahead > spendable) {
      throw new BushelError(
        'NO_BALANCE',
        `this needs about ${ahead / 1000n} sat in advance, and ${spendable / 1000n} sat can be spent`,
        'nothing was packed or paid; ask for fewer copies, less time, or a smaller --prepay-max'
      )
    }
    return { offers: fitting, charge }
  }

  #match(
    asks: BookedAsk[],
    { time, offer, maxPrice }: Pick<MirrorRequest, 'time' | 'offer' | 'maxPrice'>,
    bytes: number
  ): BookedAsk[] {
    const { experiences, deals, now } = this.#context
    const wanted = { bytes, time, offer, maxPrice, identity: deals.self.identity }
    return match(asks, wanted, identity => experiences.of(identity), now())
  }

  #tooFew(request: MirrorRequest, bytes: number, asks: BookedAsk[], found: number): BushelError {
    const any = distinct(this.#match(asks, { ...request, maxPrice: null }, bytes), request.copies)
    if (any.length >= request.copies) {
      const price = any.map(ask => ask.price).reduce((a, b) => (a > b ? a : b))
      return new BushelError(
        'PRICE_TOO_LOW',
        `only ${found} of ${request.copies} copies are offered at ${formatPrice(request.maxPrice ?? 0n)} or less`,
        `nothing was paid; --max-price "${formatPrice(price)}" would do`
      )
    }
    return new BushelError(
      'NO_OFFER',
      `only ${found} of ${request.copies} copies are offered for ${formatSize(bytes)} and this time (${asks.length} asks are on the book)`,
      'nothing was paid; ask for fewer --copies or another --time, or leave a bid: bushel bid storage'
    )
  }

  async #pack(
    request: MirrorRequest,
    survey: { bytes: number; fingerprint: Buffer },
    state: MirrorState,
    listener: MirrorListener,
    signal: AbortSignal
  ): Promise<MirrorJob> {
    const store = crypto.randomBytes(16).toString('hex')
    const folder = join(this.#options.folder, store)
    const started = Date.now()
    try {
      const drive = await this.#options.packer.pack(request.path, folder, {
        onbytes: bytes => listener.packed(bytes, survey.bytes),
        onnote: note => listener.note(note),
        signal
      })
      const job: MirrorJob = {
        path: request.path,
        fingerprint: fingerprintOf(request, survey.fingerprint),
        market: request.market,
        store,
        link: drive.link,
        files: drive.files,
        bytes: drive.bytes,
        cores: drive.cores,
        sha256: Buffer.from(drive.sha256, 'hex'),
        copies: request.copies,
        time: request.time,
        offer: request.offer ?? 0n,
        maxPrice: request.maxPrice ?? 0n,
        prepayMaxMsat: request.prepayMaxMsat,
        agreements: [],
        state,
        packMs: Date.now() - started
      }
      await this.#save(job)
      return job
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** Deletes folders that a kill left half packed; keeps those of recorded jobs. */
  async sweep(folders: string[]): Promise<void> {
    const known = new Set([...this.#table.by('packed')].map(({ key }) => key))
    for (const name of folders) {
      if (!known.has(name)) await rm(join(this.#options.folder, name), { recursive: true, force: true })
    }
  }

  #unfinished(request: MirrorRequest, fingerprint: Buffer): MirrorJob | null {
    const wanted = fingerprintOf(request, fingerprint)
    return this.#table.first('fingerprint', { under: wanted })?.value ?? null
  }

  #outcome(job: MirrorJob, copies: BuyerLease[], uploadMs: number): MirrorOutcome {
    const totals = copies.map(copy => this.#context.payments.ledger.totals(copy.id))
    return {
      link: job.link,
      files: job.files,
      bytes: job.bytes,
      storedBytes: sum(job.cores, 'byteLength'),
      leases: copies.map(copy => idOf(copy.lease)),
      paidMsat: totals.reduce((all, one) => all + one.paidMsat, 0n),
      feesMsat: totals.reduce((all, one) => all + one.feesMsat, 0n),
      atRiskMsat: copies.reduce((all, copy) => all + copy.atRiskMsat, 0n),
      seconds: { pack: (job.packMs ?? 0) / 1000, upload: uploadMs / 1000 }
    }
  }

  #folderOf(job: MirrorJob): string {
    return join(this.#options.folder, job.store)
  }

  get #table() {
    return this.#options.store.table(mirrorTable)
  }

  #job(store: string): MirrorJob | null {
    return this.#table.get(store)
  }

  /** Saves the progress of a placement, unless its bid was withdrawn meanwhile. */
  async #saveStep(job: MirrorJob): Promise<void> {
    const { state, bid = null } = this.#job(job.store) ?? job
    await this.#save({ ...job, state, bid })
  }

  async #save(job: MirrorJob): Promise<void> {
    await this.#options.store.set(this.#change(job.store, job))
  }

  /** Every mirror is written by this change, so that none skips the table of its states. */
  #change(store: string, job: MirrorJob | null): Change {
    const before = this.#job(store)?.state ?? null
    mirrorStates.transition('buyer', before, job && job.state, this.#options.log)
    return change(mirrorTable, store, job)
  }
}

/** Equal for requests with the same options for the same, unchanged path. */
function fingerprintOf(request: MirrorRequest, survey: Buffer): Buffer {
  const how = `${request.path}\0${request.copies}\0${request.time}\0${request.market.toString('hex')}`
  return crypto.hash([domain('mirror-job'), survey, Buffer.from(how)])
}

/** Size and cost of one copy: a packed drive is a little larger than its files. */
function planOf(
  { time, copies, prepayMaxMsat }: MirrorRequest,
  bytes: number,
  peer: Buffer | null,
  price: bigint
): PlannedSpending {
  const chargeMsat = totalCharge({ bytes: BigInt(bytes), time, price, minChargeMsat: SAT })
  return { peer, chargeMsat, aheadMsat: least(chargeMsat, prepayMaxMsat / BigInt(copies)) }
}

function sum(cores: readonly CoreLimit[], field: 'length' | 'byteLength'): number {
  return cores.reduce((all, core) => all + core[field], 0)
}
