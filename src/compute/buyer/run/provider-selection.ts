import type { RunRecord } from '#spec'
import type { BushelError } from '../../../../contracts/errors/error.js'
import { jobMemory } from '../../../../contracts/job.js'
import type { Msat } from '../../../../contracts/money/money.js'
import { dialSellers, isAway } from '../../../deal/sellers/dialling.js'
import type { Opener } from '../../../deal/sellers/dialling.js'
import { slowNotes } from '../../../deal/sellers/slow-sellers.js'
import { distinct, livingFirst, priceLimit } from '../../../deal/sellers/matching.js'
import type { Experiences } from '../../../deal/sellers/experience.js'
import { FUEL_VERSION } from '../../fuel/meter.js'
import type { BookedComputeAsk } from '../hire-port.js'
import { matchCompute } from '../matching.js'
import { JOB_TIMEOUTS } from '../../job/timeouts.js'
import type { JobTimeouts } from '../../job/timeouts.js'
import type { DeviceLoads } from '../device-loads.js'
import type { Replica } from './replica.js'
import { AUTO } from './run-records.js'
import { fuelOf, shareOf } from './budget.js'

export interface SelectionContext {
  /** The live asks for compute in a market, for our Lightning network. */
  asks(market: Buffer, maxPrice: bigint | null): Promise<BookedComputeAsk[]>
  experiences: Pick<Experiences, 'toward' | 'slow' | 'dialled'>
  /** The limit that forbids a payment to an identity or, without `peer`, in total; null when it is allowed. */
  faultOf(spend: { msat: Msat; peer?: Buffer | null }): BushelError | null
  identity: Buffer
  now(): number
  deviceLoads: DeviceLoads
  /** Opens a channel to a seller. */
  open: Opener
  timeouts?: Pick<JobTimeouts, 'connect' | 'grace' | 'spare'>
}

export interface RunInProgress {
  readonly record: RunRecord
  readonly replicas: readonly Replica[]
  /** Called with sellers that failed when they were dialled, and are not asked again. */
  passOver?(failed: readonly { ask: BookedComputeAsk; error: unknown }[]): Promise<void>
  note?(message: string): void
}

/** A selected ask, and the most that its provider is paid. */
export interface Choice {
  ask: BookedComputeAsk
  shareMsat: Msat
}

/** `auto` always budgets for a second replica, so that a share does not reveal whether the result is checked. */
const AUTO_REPLICAS = 2
/** A replacement that can afford less than 1/10 of the planned fuel is not worth its base. */
const MIN_FUEL_DIVISOR = 10n

/** Selects the providers of a run and their shares of its budget. No ask is tried twice; an identity has one replica. */
export class ProviderSelection {
  /** The last spending limit that excluded a fitting ask. */
  overLimit: BushelError | null = null
  readonly #context: SelectionContext
  readonly #run: RunInProgress
  /** Choices with an open agreement request, by ask id. */
  readonly #asked = new Map<string, Choice>()
  /** Devices that could not be reached, or failed when they were, in hex. */
  readonly #away = new Set<string>()

  constructor(context: SelectionContext, run: RunInProgress) {
    this.#context = context
    this.#run = run
  }

  /** Number of devices that could not be reached. */
  get away(): number {
    return this.#away.size
  }

  /** The best asks for the planned replicas, one per identity, of sellers that answer; asks for at least `least`. */
  async first(least: number, signal: AbortSignal): Promise<BookedComputeAsk[]> {
    const { record } = this.#run
    const most = plannedReplicas(record)
    const live = await this.#asks()
    const possible = () => this.#present(this.#fitting(live, record.maxMsat / BigInt(most)))
    return this.#answering(possible, { least, most }, signal)
  }

  /** The best asks for the planned replicas, one per identity; nobody is dialled. */
  async best(): Promise<BookedComputeAsk[]> {
    const replicas = plannedReplicas(this.#run.record)
    return distinct(this.#fitting(await this.#asks(), this.#run.record.maxMsat / BigInt(replicas)), replicas)
  }

  /** Number of identities with a fitting ask. */
  async identities(): Promise<number> {
    const { record } = this.#run
    const asks = this.#fitting(await this.#asks(), record.maxMsat / BigInt(plannedReplicas(record)))
    return distinct(asks, asks.length).length
  }

  /**
   * Reserves the next fitting ask of a seller that answers; null when none is left. With `instead`, for a provider that takes
   * the place of that replica, to which nothing more is paid then.
   */
  async next(signal: AbortSignal, instead: Replica | null = null): Promise<Choice | null> {
    const live = await this.#asks()
    const possible = () => this.#present(this.#affordable(live, instead).map(({ ask }) => ask))
    const answered = new Set<Buffer>()
    const dialled = new Set<Buffer>()
    for (;;) {
      // No await between this and the reservation: a concurrent call must see this choice.
      const asks = possible()
      const at = asks.findIndex(({ id }) => answered.has(id))
      if (at >= 0 && asks.slice(0, at).every(({ id }) => dialled.has(id))) {
        const [choice] = this.#affordable([asks[at]!], instead)
        this.#asked.set(choice!.ask.id.toString('hex'), choice!)
        this.#context.deviceLoads.change(choice!.ask.device, 1)
        return choice!
      }
      // The best has changed with the choices of others meanwhile; a seller that answers is dialled in no time.
      const [found] = await this.#answering(possible, { least: 1, most: 1 }, signal)
      if (!found) return null
      answered.add(found.id)
      for (const { id } of asks) {
        dialled.add(id)
        if (id === found.id) break
      }
    }
  }

  /** The asks that a replica can be hired from now, with its share. */
  #affordable(live: readonly BookedComputeAsk[], instead: Replica | null): Choice[] {
    const left = this.#leftMsat(instead)
    const choices: Choice[] = []
    for (const ask of this.#fitting(live, this.#run.record.maxMsat)) {
      if (this.#isTaken(ask)) continue
      const shareMsat = shareOf(ask, this.#run.record.fuel, left)
      if (shareMsat === 0n || fuelOf(ask, shareMsat) < this.#leastFuel()) continue
      const fault = this.#context.faultOf({ msat: shareMsat, peer: ask.identity })
      if (fault) this.overLimit = fault
      else choices.push({ ask, shareMsat })
    }
    return choices
  }

  /** Those of devices that were not found away, the slow ones last. */
  #present(asks: readonly BookedComputeAsk[]): BookedComputeAsk[] {
    return this.#context.experiences.slow.last(
      asks.filter(({ device }) => !this.#away.has(device.toString('hex')))
    )
  }

  /** The first sellers that answer; none when there are none left to dial. */
  async #answering(
    possible: () => BookedComputeAsk[],
    wished: { least: number; most: number },
    signal: AbortSignal
  ): Promise<BookedComputeAsk[]> {
    const { open, timeouts = JOB_TIMEOUTS } = this.#context
    for (;;) {
      const asks = possible()
      if (asks.length === 0) return []
      const { connect: timeoutMs, grace: graceMs } = timeouts
      const dialled = await dialSellers(asks, { ...wished, open, timeoutMs, graceMs, signal })
      // A seller that answers with an error is asked again for an agreement, whose error is shown.
      const wrong = dialled.failed.filter(({ error }) => !isAway(error)).map(({ ask }) => ask)
      const { reached, slower } = dialled
      this.#context.experiences.dialled(dialled)
      for (const note of slowNotes(slower)) this.#run.note?.(note)
      const found = reached.length >= wished.least ? reached : [...reached, ...wrong].slice(0, wished.least)
      const failed = dialled.failed.filter(({ ask }) => !found.includes(ask))
      for (const { ask } of failed) this.#away.add(ask.device.toString('hex'))
      if (failed.length > 0) await this.#run.passOver?.(failed)
      if (found.length > 0) return found
    }
  }

  /** Call when the ask has become a replica (`isHired`) or was skipped. */
  settled({ ask }: Choice, isHired: boolean): void {
    this.#asked.delete(ask.id.toString('hex'))
    if (!isHired) this.#context.deviceLoads.change(ask.device, -1)
  }

  /** The part of the budget that no replica or open choice may still claim, msat. */
  #leftMsat(instead: Replica | null): Msat {
    const { record, replicas } = this.#run
    const claimed = replicas.reduce(
      (sum, replica) => sum + (replica === instead ? replica.paidMsat : replica.liableMsat),
      0n
    )
    // A choice stays here until its replica is on disk, and counts once.
    const open = [...this.#asked.values()].filter(
      ({ ask }) => !replicas.some(({ identity }) => identity.equals(ask.identity))
    )
    return open.reduce((left, { shareMsat }) => left - shareMsat, record.maxMsat - claimed)
  }

  #leastFuel(): bigint {
    const { record, replicas } = this.#run
    const stated = replicas.filter(({ state, statement }) => state === 'live' && statement)
    return stated.reduce((most, { fuel }) => (fuel > most ? fuel : most), record.fuel / MIN_FUEL_DIVISOR)
  }

  #isTaken(ask: BookedComputeAsk): boolean {
    const { record, replicas } = this.#run
    return (
      record.passed.some(id => id.equals(ask.id)) ||
      replicas.some(({ identity }) => identity.equals(ask.identity)) ||
      [...this.#asked.values()].some(choice => choice.ask.identity.equals(ask.identity))
    )
  }

  async #asks(): Promise<BookedComputeAsk[]> {
    return this.#context.asks(this.#run.record.market, this.#priceLimit)
  }

  /** The highest price of an ask that is tried. */
  get #priceLimit(): Msat | null {
    const { offer, maxPrice } = this.#run.record
    return priceLimit({ offer: offer || null, maxPrice: maxPrice || null })
  }

  #fitting(asks: readonly BookedComputeAsk[], maxMsat: Msat): BookedComputeAsk[] {
    const { record } = this.#run
    const { isolation } = record
    const { experiences, identity, now, deviceLoads } = this.#context
    const wanted = {
      memoryBytes: jobMemory(record),
      isolation: isolation === 'bwrap' ? ('bwrap' as const) : ('any' as const),
      fuel: FUEL_VERSION,
      maxPrice: this.#priceLimit,
      maxMsat,
      identity
    }
    const matching = matchCompute(asks, wanted, experiences.toward, now())
    return livingFirst(deviceLoads.leastLoadedFirst(matching), now())
  }
}

/** Number of replicas that the budget of a run is planned for. */
export function plannedReplicas({ verify }: Pick<RunRecord, 'verify'>): number {
  return verify === AUTO ? AUTO_REPLICAS : verify
}
