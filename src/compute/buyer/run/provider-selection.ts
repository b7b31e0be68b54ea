import type { RunRecord } from '#spec'
import type { BushelError } from '../../../../contracts/errors/error.js'
import { jobMemory } from '../../../../contracts/job.js'
import type { Msat } from '../../../../contracts/money/money.js'
import { distinct, priceLimit } from '../../../deal/matching.js'
import type { Experience } from '../../../deal/matching.js'
import { FUEL_VERSION } from '../../fuel/meter.js'
import type { BookedComputeAsk } from '../hire-port.js'
import { matchCompute } from '../matching.js'
import type { DeviceLoads } from '../device-loads.js'
import type { Replica } from './replica.js'
import { AUTO } from './run-records.js'
import { fuelOf, shareOf } from './budget.js'

export interface SelectionContext {
  /** The live asks for compute in a market, for our Lightning network. */
  asks(market: Buffer, maxPrice: bigint | null): Promise<BookedComputeAsk[]>
  experiences: { of(identity: Buffer): Experience | null }
  /** The limit that forbids a payment to an identity or, without `peer`, in total; null when it is allowed. */
  faultOf(spend: { msat: Msat; peer?: Buffer | null }): BushelError | null
  identity: Buffer
  now(): number
  deviceLoads: DeviceLoads
}

export interface RunInProgress {
  readonly record: RunRecord
  readonly replicas: readonly Replica[]
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

  constructor(context: SelectionContext, run: RunInProgress) {
    this.#context = context
    this.#run = run
  }

  /** The best asks for the planned replicas, one per identity. */
  async first(): Promise<BookedComputeAsk[]> {
    const { record } = this.#run
    const replicas = plannedReplicas(record)
    const asks = this.#fitting(await this.#asks(), record.maxMsat / BigInt(replicas))
    return distinct(asks, replicas)
  }

  /** Number of identities with a fitting ask. */
  async identities(): Promise<number> {
    const { record } = this.#run
    const asks = this.#fitting(await this.#asks(), record.maxMsat / BigInt(plannedReplicas(record)))
    return distinct(asks, asks.length).length
  }

  /** Reserves the next fitting ask; null when none is left. */
  async next(): Promise<Choice | null> {
    const live = await this.#asks()
    // No await from here on: a concurrent call must see this choice.
    const asks = this.#fitting(live, this.#run.record.maxMsat)
    const left = this.#leftMsat()
    for (const ask of asks) {
      if (this.#isTaken(ask)) continue
      const shareMsat = shareOf(ask, this.#run.record.fuel, left)
      if (shareMsat === 0n || fuelOf(ask, shareMsat) < this.#leastFuel()) continue
      const fault = this.#context.faultOf({ msat: shareMsat, peer: ask.identity })
      if (fault) {
        this.overLimit = fault
        continue
      }
      const choice = { ask, shareMsat }
      this.#asked.set(ask.id.toString('hex'), choice)
      this.#context.deviceLoads.change(ask.device, 1)
      return choice
    }
    return null
  }

  /** Call when the ask has become a replica (`isHired`) or was skipped. */
  settled({ ask }: Choice, isHired: boolean): void {
    this.#asked.delete(ask.id.toString('hex'))
    if (!isHired) this.#context.deviceLoads.change(ask.device, -1)
  }

  /** The part of the budget that no replica or open choice may still claim, msat. */
  #leftMsat(): Msat {
    const { record, replicas } = this.#run
    const claimed = replicas.reduce((sum, { liableMsat }) => sum + liableMsat, 0n)
    return [...this.#asked.values()].reduce(
      (left, { shareMsat }) => left - shareMsat,
      record.maxMsat - claimed
    )
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
    return deviceLoads.leastLoadedFirst(matchCompute(asks, wanted, of => experiences.of(of), now()))
  }
}

/** Number of replicas that the budget of a run is planned for. */
export function plannedReplicas({ verify }: Pick<RunRecord, 'verify'>): number {
  return verify === AUTO ? AUTO_REPLICAS : verify
}
