import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import crypto from 'hypercore-crypto'
import type { CoreLimit, Lease, MirrorJob, StorageBid } from '#spec'
import { domain } from '../../../contracts/schema/codec.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { billedBytes, formatAmount } from '../../../contracts/money/money.js'
import { agreementId } from '../../../contracts/terms.js'
import { distinct, priceLimit } from '../../deal/sellers/matching.js'
import type { Logger } from '../../base/logger.js'
import { KeyedMutex } from '../../base/mutex.js'
import { explainFull } from '../../files/disk.js'
import { change } from '../../store/change.js'
import type { Change } from '../../store/change.js'
import type { Store } from '../../store/store.js'
import { BuyerLease } from './buyer-lease.js'
import { UNKNOWN_ASK, planOf } from './lease-plan.js'
import { LEASE, isOver, isSealed } from '../lease/lease-state.js'
import { endOf, idOf } from '../lease/leases.js'
import { nameOf } from '../../base/states.js'
import { leasesOf, mirrorOf, mirrorsOf, nameOfMirror, newName } from './mirror-names.js'
import { mirrorTable } from '../tables.js'
import { MIRROR, isResting, mirrorStates } from './mirror-state.js'
import type { MirrorState } from './mirror-state.js'
import { faultOfFurther } from '../takeover/further-lease.js'
import { aheadOfLease } from './placing/ahead.js'
import { affordable, fitting } from './placing/best-offers.js'
import { Placement } from './placing/placement.js'
import type { PlacementContext } from './placing/placement.js'
import { pricesOf } from './placing/seller-search.js'
import { writeTokens } from './upkeep/token-file.js'
import type { MirrorListener, MirrorOutcome, MirrorRequest, Packer, Survey } from './mirror-types.js'

export type { MirrorListener, MirrorOutcome, MirrorRequest, Packer, Survey } from './mirror-types.js'

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
  readonly #turns = new KeyedMutex()

  constructor(options: MirrorsOptions) {
    this.#options = options
    this.#context = { ...options, saveJob: job => this.#saveStep(job) }
  }

  /** The most that a mirror costs by the best offers on the book; nothing is packed and no provider is asked. */
  async estimate(request: MirrorRequest, { note }: Pick<MirrorListener, 'note'>): Promise<MirrorOutcome> {
    const survey = await this.#options.packer.survey(request.path, request.exclude)
    const { offers, chargeMsat, aheadMsat, feesMsat, aheadFeesMsat, spendableMsat } = await affordable(
      this.#context,
      request,
      survey
    )
    survey.notes.forEach(note)
    if (aheadMsat + aheadFeesMsat > spendableMsat)
      note(
        `${formatAmount(aheadMsat)} and up to ${formatAmount(aheadFeesMsat)} of fees are paid ahead, and ${formatAmount(spendableMsat)} can be sent`
      )
    return {
      id: '',
      name: this.#nameFor(request),
      paidUntil: 0,
      link: '',
      files: survey.files,
      bytes: survey.bytes,
      storedBytes: sum(survey.cores, 'byteLength'),
      leases: offers.map(() => ''),
      chargeMsat,
      paidMsat: aheadMsat,
      feesMsat,
      atRiskMsat: 0n,
      seconds: { pack: 0, upload: 0 }
    }
  }

  async run(request: MirrorRequest, listener: MirrorListener, signal: AbortSignal): Promise<MirrorOutcome> {
    const { packer, taking } = this.#options
    taking?.demandHere()
    const survey = await packer.survey(request.path, request.exclude)
    const job = this.#unfinished(request, survey.fingerprint)
    if (!job)
      this.#nameFor(request) // before anything is packed
    else if (request.name !== null) await this.rename(job.store, request.name)
    const placement = job ? null : await this.#seek(request, survey, listener, signal)
    const ready = job
      ? await this.#paidAs(job, request)
      : await this.#pack(request, survey, MIRROR.PACKED, listener, signal)
    if (job) listener.note('continuing an unfinished mirror of this path')
    await this.#supersede(ready, survey.fingerprint, listener)
    return this.place(ready, listener, signal, placement)
  }

  /** An unfinished mirror is paid ahead as it is said now. */
  async #paidAs(job: MirrorJob, { ahead, prepayMaxMsat }: MirrorRequest): Promise<MirrorJob> {
    const next = { ...job, ahead, prepayMaxMsat }
    await this.#save(next)
    return next
  }

  /** Finds sellers that would take it, so that nothing is packed in vain. */
  async #seek(
    request: MirrorRequest,
    survey: Survey,
    listener: MirrorListener,
    signal: AbortSignal
  ): Promise<Placement> {
    await affordable(this.#context, request, survey)
    const { offer, maxPrice, ...rest } = request
    const plan = { ...rest, offer: offer ?? 0n, maxPrice: maxPrice ?? 0n, cores: survey.cores }
    const placement = new Placement(this.#context, plan, listener)
    await placement.seek(signal)
    return placement
  }

  /**
   * Ends what interrupted mirrors of an earlier state of the same path have begun: nobody will finish them. Copies that are
   * stored stay.
   */
  async #supersede(next: MirrorJob, survey: Buffer, listener: MirrorListener): Promise<void> {
    for (const { value: job } of [...this.#table.by('packed', { under: nameOf(MIRROR.PACKED) })]) {
      if (job.path !== next.path || this.#running.has(job.store)) continue
      if (fingerprintOf(job, survey).equals(job.fingerprint)) continue
      const ended: string[] = []
      for (const id of job.agreements) {
        const copy = new BuyerLease(this.#context, id)
        if (isOver(copy.lease) || isSealed(copy.lease)) continue
        await copy.giveUp('its files have changed, and are mirrored anew')
        ended.push(idOf(copy.lease).slice(0, 8))
      }
      await this.#save({ ...job, state: MIRROR.SUPERSEDED })
      await rm(this.#folderOf(job), { recursive: true, force: true })
      const leases = ended.length > 0 ? `; ended its lease(s) ${ended.join(', ')}` : ''
      listener.note(`the unfinished mirror of an earlier state of this path is given up${leases}`)
    }
  }

  /** Rejects when a bid cannot be made: the path cannot be read, or the price is over a spending limit. */
  async checkBid(request: MirrorRequest): Promise<Survey> {
    this.#options.taking?.demandHere()
    const survey = await this.#options.packer.survey(request.path, request.exclude)
    this.#nameFor(request)
    const feesOf = (amounts: readonly bigint[]): bigint => this.#context.payments.limits.feesOf(amounts)
    // At the bid's highest price; the provider is not known yet.
    const plans = Array.from({ length: request.copies }, () =>
      planOf(request, survey, { identity: null, price: request.maxPrice ?? 0n, ...UNKNOWN_ASK }, feesOf)
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
  *bids(): Iterable<MirrorJob> {
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
    const found = fitting(this.#context, asks, { ...prices, time: job.time }, Number(billedBytes(job.cores)))
    return distinct(found, job.copies).length >= job.copies
  }

  /** Places a packed job and pays; its packed copy is deleted when every provider holds it. */
  async place(
    job: MirrorJob,
    listener: MirrorListener,
    signal: AbortSignal,
    begun: Placement | null = null
  ): Promise<MirrorOutcome> {
    this.#options.taking?.demandHere()
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
      const placement = begun ?? new Placement(this.#context, job, listener)
      const copies = await placement.run(job, goods, signal)
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

  // Mirrors that are kept

  /** What placing more copies needs. */
  get placing(): PlacementContext {
    return this.#context
  }

  get(store: string): MirrorJob | null {
    return this.#job(store)
  }

  /** The change that adds a mirror which another device of the owner has kept; its name becomes a free one. */
  importChange(job: MirrorJob): { job: MirrorJob; change: Change } {
    const { store, leases } = this.#options
    const asked = nameOfMirror(job)
    const isFree = mirrorsOf(store, leases).every(one => nameOfMirror(one) !== asked)
    const name = isFree ? asked : newName(store, leases, asked, null)
    const named = { ...job, name, bid: null }
    return { job: named, change: this.#change(job.store, named) }
  }

  /** Runs work that changes the leases of a mirror that is kept, one after the other. */
  inTurn<T>(store: string, work: () => Promise<T>): Promise<T> {
    return this.#turns.run(store, work)
  }

  /** For how long ahead a lease of a mirror is paid, ms; 0 for a lease of none. */
  aheadOf(lease: Lease): number {
    const job = mirrorOf(this.#options.store, lease)
    return job ? aheadOfLease(job, lease, this.#context.leases) : 0
  }

  /** Adds a lease to a mirror that has not got it. On disk when it resolves. */
  async addLease(store: string, id: Buffer): Promise<void> {
    const job = this.#job(store)!
    if (!job.agreements.some(one => one!.equals(id)))
      await this.#save({ ...job, agreements: [...job.agreements, id] })
  }

  /**
   * Saves a lease that an earlier device of the owner has made, and adds it to the mirror of the one whose copy it keeps on; one
   * that costs too much is given up. All in one write, on disk when it resolves.
   */
  async addFurther(further: { lease: Lease; before: Lease }, paidMsat: bigint): Promise<void> {
    const { store, leases, log } = this.#options
    const { lease, before } = further
    const job = mirrorOf(store, before)
    if (!job) return store.set(leases.change(lease))
    const fault = faultOfFurther(job, { all: leasesOf(job, leases) }, further, paidMsat)
    const reason = `it is not paid on: ${fault}`
    const kept = fault ? { ...lease, state: LEASE.LAPSING, reason } : lease
    const time = fault ? job.time : job.time + this.#timeBy(job, lease)
    const agreements = [...job.agreements, agreementId(lease.terms)]
    await store.set(this.#change(job.store, { ...job, time, agreements }), leases.change(kept))
    if (fault)
      log.warn(
        `'${nameOfMirror(job)}' has a lease ${idOf(lease).slice(0, 8)} by an earlier device of yours; ${reason}`
      )
  }

  /** For how much longer a mirror is kept with a lease: an extension counts with the first of its copies that is sealed. */
  #timeBy(job: MirrorJob, lease: Lease): number {
    const { time } = lease.terms
    const last = endOf(lease) - time / 2
    const own = agreementId(lease.terms)
    const isCounted = leasesOf(job, this.#options.leases).some(
      one => isSealed(one) && !agreementId(one.terms).equals(own) && endOf(one) > last
    )
    return isSealed(lease) && !isCounted ? time : 0
  }

  /** Notes that a mirror is kept for longer, by a lease that was just sealed. */
  async lengthen(store: string, lease: Lease): Promise<void> {
    const job = this.#job(store)!
    await this.#save({ ...job, time: job.time + this.#timeBy(job, lease) })
  }

  /** Turns on or off that a mirror is extended before it ends; `maxPrice`, msat, null: see `priceCeiling`. */
  async renew(store: string, on: boolean, maxPrice: bigint | null): Promise<void> {
    await this.#save({ ...this.#job(store)!, renew: on ? 1 : 0, renewMaxPrice: maxPrice })
  }

  /** Deletes a job that came to nothing; keeps one that was paid for or waits as a bid. */
  async #giveUp(store: string, folder: string): Promise<void> {
    const job = this.#job(store)
    if (!job || isResting(job)) return
    const paid = job.agreements.some(id => new BuyerLease(this.#context, id).paidInstallments > 0)
    if (paid) return
    await this.#options.store.set(this.#change(store, null))
    await rm(folder, { recursive: true, force: true })
    await this.#context.tokens?.forget(store)
  }

  async #pack(
    request: MirrorRequest,
    survey: Survey,
    state: MirrorState,
    listener: MirrorListener,
    signal: AbortSignal
  ): Promise<MirrorJob> {
    const store = crypto.randomBytes(16).toString('hex')
    const folder = join(this.#options.folder, store)
    const started = Date.now()
    const { tokens } = this.#context
    try {
      const drive = await this.#options.packer.pack(request.path, folder, {
        exclude: request.exclude,
        tokens: tokens?.planFor(request, survey.cores) ?? null,
        onbytes: bytes => listener.packed(bytes, survey.bytes),
        onnote: note => listener.note(note),
        signal
      })
      const created = this.#context.now()
      if (tokens && drive.tokens) await keepTokens(tokens.fileOf(store), drive.tokens, created)
      const job: MirrorJob = {
        name: this.#nameFor(request),
        created,
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
        ahead: request.ahead,
        renew: request.renew ? 1 : 0,
        agreements: [],
        state,
        packMs: Date.now() - started
      }
      await this.#save(job)
      return job
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      await tokens?.forget(store)
      throw error
    }
  }

  /** Gives a mirror another name. Throws BAD_INPUT when another one has it. */
  async rename(id: string, name: string): Promise<void> {
    this.checkName(id, name)
    await this.#save({ ...this.#job(id)!, name })
  }

  /** Throws BAD_INPUT when another mirror has this name. */
  checkName(id: string, name: string): void {
    const job = this.#job(id)!
    if (nameOfMirror(job) !== name) this.#nameFor({ path: job.path, name })
  }

  #nameFor({ path, name }: Pick<MirrorRequest, 'path' | 'name'>): string {
    return newName(this.#options.store, this.#options.leases, path, name)
  }

  /** Deletes folders that a kill left half packed; keeps those of recorded jobs. */
  async sweep(folders: string[]): Promise<void> {
    const known = new Set([...this.#table.by('packed')].map(({ key }) => key))
    for (const name of folders) {
      if (!known.has(name)) await rm(join(this.#options.folder, name), { recursive: true, force: true })
    }
    await this.#context.tokens?.sweep()
  }

  #unfinished(request: MirrorRequest, fingerprint: Buffer): MirrorJob | null {
    const wanted = fingerprintOf(request, fingerprint)
    return this.#table.first('fingerprint', { under: wanted })?.value ?? null
  }

  #outcome(job: MirrorJob, copies: BuyerLease[], uploadMs: number): MirrorOutcome {
    const totals = copies.map(copy => this.#context.payments.ledger.totals(copy.id))
    return {
      id: job.store,
      name: nameOfMirror(job),
      paidUntil: Math.min(...copies.map(copy => copy.paidUntil)),
      link: job.link,
      files: job.files,
      bytes: job.bytes,
      storedBytes: sum(job.cores, 'byteLength'),
      leases: copies.map(copy => idOf(copy.lease)),
      chargeMsat: copies.reduce((all, copy) => all + copy.chargeMsat, 0n),
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

  /** Saves the progress of a placement; its bid may have been withdrawn meanwhile, and its name changed. */
  async #saveStep(job: MirrorJob): Promise<void> {
    const { state, bid = null, name = null, ...now } = this.#job(job.store) ?? job
    const { renew = null, renewMaxPrice = null, time, agreements } = now
    const all = new Map([...agreements, ...job.agreements].map(id => [id!.toString('hex'), id]))
    await this.#save({ ...job, state, bid, name, time, renew, renewMaxPrice, agreements: [...all.values()] })
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
function fingerprintOf(
  { path, copies, time, market }: Pick<MirrorRequest, 'path' | 'copies' | 'time' | 'market'>,
  survey: Buffer
): Buffer {
  const how = `${path}\0${copies}\0${time}\0${market.toString('hex')}`
  return crypto.hash([domain('mirror-job'), survey, Buffer.from(how)])
}

function sum(
  cores: readonly Pick<CoreLimit, 'length' | 'byteLength'>[],
  field: 'length' | 'byteLength'
): number {
  return cores.reduce((all, core) => all + core[field], 0)
}

async function keepTokens(...written: Parameters<typeof writeTokens>): Promise<void> {
  try {
    await writeTokens(...written)
  } catch (error) {
    throw explainFull(error, dirname(written[0]), 'nothing of this was kept or paid')
  }
}
