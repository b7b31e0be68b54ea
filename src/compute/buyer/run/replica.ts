import type { JobOutput, JobStatement, RunReplica } from '#spec'
import { jobCost, mostFuel, resultHash } from '../../../../contracts/job.js'
import { shortKey } from '../../../../contracts/keys/key.js'
import type { Msat } from '../../../../contracts/money/money.js'
import { nameOf } from '../../../base/states.js'
import { JOB } from '../../job/job-state.js'
import type { Hire } from '../hire-port.js'
import type { RunListener } from './run-types.js'
import type { Stated } from '../../job/verdicts.js'

/** `live` until the result is accepted (`equal`) or rejected (`other`), or the provider fails. */
export type ReplicaState = 'live' | 'equal' | 'other' | 'failed'

/** One provider's execution of a run. */
export class Replica implements Pick<RunReplica, 'agreement' | 'ask' | 'identity' | 'device'> {
  readonly agreement: Buffer
  readonly ask: Buffer
  readonly identity: Buffer
  readonly device: Buffer
  state: ReplicaState
  note: string
  fuel: bigint
  statement: JobStatement | null = null
  readonly #hire: Hire | null
  readonly #before: RunReplica

  /** `hire` is null when the agreement is over or no longer known. */
  constructor(record: RunReplica, hire: Hire | null) {
    this.#before = record
    this.#hire = hire
    this.agreement = record.agreement
    this.ask = record.ask
    this.identity = record.identity
    this.device = record.device
    this.state = record.state as ReplicaState
    this.note = record.note
    this.fuel = record.fuel
  }

  static of(hire: Hire, ask: Buffer): Replica {
    const { id: agreement, identity, device } = hire
    const none = { state: 'live', note: '', fuel: 0n, hash: '', paidMsat: 0n, feesMsat: 0n }
    return new Replica({ agreement, ask, identity, device, ...none }, hire)
  }

  get name(): string {
    return shortKey(this.device)
  }

  /** Paid and in flight, msat. */
  get paidMsat(): Msat {
    return this.#hire?.paidMsat ?? this.#before.paidMsat
  }

  /** Most that this replica can cost, msat. */
  get liableMsat(): Msat {
    if (!this.#hire || this.state !== 'live') return this.paidMsat
    const { terms } = this.#hire
    return this.statement ? jobCost(terms, this.statement.result.fuel) : terms.maxMsat
  }

  get stated(): Stated {
    return { result: this.statement!.result, mostFuel: mostFuel(this.hire.terms) }
  }

  get hire(): Hire {
    if (!this.#hire) throw new Error(`the agreement with ${this.name} is not loaded`)
    return this.#hire
  }

  /** Resolves when the provider has committed to a result; `onanswer` is called whenever it has answered. */
  async commit(listener: RunListener, signal: AbortSignal, onanswer: () => void): Promise<void> {
    this.#tellPayments(listener)
    await this.hire.untilCommitted(signal, ({ state, fuel }) => {
      onanswer()
      this.fuel = fuel
      listener.state({ provider: this.name, state, fuel })
    })
    listener.state({ provider: this.name, state: nameOf(JOB.COMMITTED), fuel: this.fuel })
  }

  async reveal(listener: RunListener): Promise<void> {
    this.#tellPayments(listener)
    this.statement = await this.hire.reveal()
    this.fuel = this.statement.result.fuel
    listener.state({ provider: this.name, state: nameOf(JOB.REVEALED), fuel: this.fuel })
  }

  collect(listener: RunListener, signal: AbortSignal): Promise<JobOutput> {
    this.#tellPayments(listener)
    return this.hire.collect(signal)
  }

  /** The replica as it is stored. */
  get record(): RunReplica {
    const { agreement, ask, identity, device, state, note, fuel, statement, paidMsat } = this
    const hash = statement ? resultHash(statement.result) : this.#before.hash
    const feesMsat = this.#hire?.feesMsat ?? this.#before.feesMsat
    return { agreement, ask, identity, device, state, note, fuel, hash, paidMsat, feesMsat }
  }

  #tellPayments(listener: RunListener): void {
    this.hire.onpaid = ({ installment, msat }) => listener.paid({ provider: this.name, msat, installment })
  }
}
