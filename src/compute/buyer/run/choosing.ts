import type { RunRecord } from '#spec'
import type { BushelError } from '../../../../contracts/errors/error.js'
import { jobMemory } from '../../../../contracts/job.js'
import type { Msat } from '../../../../contracts/money/money.js'
import { matchCompute } from '../../../deal/compute-matching.js'
import { distinct } from '../../../deal/matching.js'
import type { Experience } from '../../../deal/matching.js'
import { FUEL_VERSION } from '../../fuel/meter.js'
import type { BookedComputeAsk } from '../hire-port.js'
import type { Loads } from '../loads.js'
import type { Replica } from './replica.js'
import { AUTO } from './run-records.js'
import { fuelOf, shareOf } from './shares.js'

export interface ChoosingContext {
  /** The standing asks for compute of a market on our network. */
  asks(market: Buffer, maxPrice: bigint | null): Promise<BookedComputeAsk[]>
  experiences: { of(identity: Buffer): Experience | null }
  /** Why so much may not be paid to an identity, or, without one, in all; or null. */
  faultOf(spend: { msat: Msat; peer?: Buffer | null }): BushelError | null
  identity: Buffer
  now(): number
  loads: Loads
}

export interface RunSoFar {
  readonly record: RunRecord
  readonly replicas: readonly Replica[]
}

/** An ask that is taken, and the most that its provider is paid. */
export interface Choice {
  ask: BookedComputeAsk
  shareMsat: Msat
}

/** `auto` keeps money back for a second provider whether one is drawn or not, so that a share tells nobody. */
const AUTO_SEATS = 2
/** A replacement that could use less than this part of the fuel of the others is not worth its base. */
const LEAST_PART = 10n

/** Which provider a run tries next, and for how much. Nobody is picked twice, and no identity has two seats. */
export class Choosing {
  /** What kept somebody from being hired who fits. */
  overLimit: BushelError | null = null
  readonly #context: ChoosingContext
  readonly #run: RunSoFar
  /** Of those that are being asked, by the ask's id. */
  readonly #asked = new Map<string, Choice>()

  constructor(context: ChoosingContext, run: RunSoFar) {
    this.#context = context
    this.#run = run
  }

  /** The first asks of as many identities as are to have a seat: what a run begins with. */
  async first(): Promise<BookedComputeAsk[]> {
    const { record } = this.#run
    const seats = seatsOf(record)
    const asks = this.#fitting(await this.#standing(), record.maxMsat / BigInt(seats))
    return distinct(asks, seats)
  }

  /** How many identities fit. */
  async identities(): Promise<number> {
    const { record } = this.#run
    const asks = this.#fitting(await this.#standing(), record.maxMsat / BigInt(seatsOf(record)))
    return distinct(asks, asks.length).length
  }

  /** The next that fits, taken; null when nobody is left. */
  async next(): Promise<Choice | null> {
    const standing = await this.#standing()
    // From here on nothing is waited for: whoever chooses next sees what is chosen here.
    const asks = this.#fitting(standing, this.#run.record.maxMsat)
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
      this.#context.loads.change(ask.device, 1)
      return choice
    }
    return null
  }

  /** The ask has become a replica, or was passed over. */
  settled({ ask }: Choice, isHired: boolean): void {
    this.#asked.delete(ask.id.toString('hex'))
    if (!isHired) this.#context.loads.change(ask.device, -1)
  }

  /** What nobody has a claim to, msat: the whole run never costs more than its `maxMsat`. */
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
    return stated.reduce((most, { fuel }) => (fuel > most ? fuel : most), record.fuel / LEAST_PART)
  }

  #isTaken(ask: BookedComputeAsk): boolean {
    const { record, replicas } = this.#run
    return (
      record.passed.some(id => id.equals(ask.id)) ||
      replicas.some(({ identity }) => identity.equals(ask.identity)) ||
      [...this.#asked.values()].some(pick => pick.ask.identity.equals(ask.identity))
    )
  }

  async #standing(): Promise<BookedComputeAsk[]> {
    const { market, maxPrice } = this.#run.record
    return this.#context.asks(market, maxPrice || null)
  }

  #fitting(standing: readonly BookedComputeAsk[], maxMsat: Msat): BookedComputeAsk[] {
    const { record } = this.#run
    const { isolation, maxPrice } = record
    const { experiences, identity, now, loads } = this.#context
    const wanted = {
      memoryBytes: jobMemory(record),
      isolation: isolation === 'bwrap' ? ('bwrap' as const) : ('any' as const),
      fuel: FUEL_VERSION,
      maxPrice: maxPrice || null,
      maxMsat,
      identity
    }
    return loads.spread(matchCompute(standing, wanted, of => experiences.of(of), now()))
  }
}

/** How many providers the budget of a run is reckoned for. */
export function seatsOf({ verify }: Pick<RunRecord, 'verify'>): number {
  return verify === AUTO ? AUTO_SEATS : verify
}
