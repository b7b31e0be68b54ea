import type { JobOutput, JobResult, RunRecord } from '#spec'
import { BushelError, isOurs } from '../../../../contracts/errors/error.js'
import { shortKey } from '../../../../contracts/keys/key.js'
import { formatAmount } from '../../../../contracts/money/money.js'
import { firstInstallmentFor } from '../../../deal/sellers/first-installment.js'
import { doneOrReplaced } from '../../../deal/sellers/spare.js'
import type { Replaced } from '../../../deal/sellers/spare.js'
import { MOST_NOTES, isAway } from '../../../deal/sellers/dialling.js'
import { awayNote } from '../../../deal/sellers/slow-sellers.js'
import type { Experiences } from '../../../deal/sellers/experience.js'
import { ProviderSelection, plannedReplicas } from './provider-selection.js'
import type { SelectionContext } from './provider-selection.js'
import type { Checks } from '../checks.js'
import type { EvidenceFiles } from '../../job/evidence-files.js'
import { PROVABLE } from '../faults.js'
import type { BookedComputeAsk, HirePort } from '../hire-port.js'
import { Replica } from './replica.js'
import { AUTO } from './run-records.js'
import type { RunRecords } from './run-records.js'
import type { RunListener } from './run-types.js'
import { JOB_TIMEOUTS } from '../../job/timeouts.js'
import type { Clock } from '../../../base/clock.js'
import { equalFuel, shareOf } from './budget.js'
import { grouped, isExcused, majority } from '../../job/verdicts.js'

export interface RunContext extends SelectionContext {
  hire: HirePort
  records: RunRecords
  checks: Checks
  evidence: EvidenceFiles
  clock?: Clock
  experiences: SelectionContext['experiences'] & Pick<Experiences, 'of' | 'good' | 'bad' | 'failed'>
}

export interface Accepted {
  result: JobResult
  output: JobOutput
}

/** Replicas of an `auto` run whose first two results differ. */
const WITH_TIE_BREAK = 3

/**
 * One run, from the selection of providers to an accepted result or a dispute. All replicas commit before any reveals its
 * result. Only the replicas with the majority result get the last payment.
 */
export class Run {
  record: RunRecord
  readonly replicas: Replica[] = []
  readonly #context: RunContext
  readonly #selection: ProviderSelection
  readonly #listener: RunListener
  /** The error of a failed save after a payment; the next save throws it. */
  #unsaved: unknown = null
  /** Two replicas gave different results. */
  #contested = false

  constructor(context: RunContext, record: RunRecord, listener: RunListener) {
    this.#context = context
    this.record = record
    this.#listener = {
      note: message => listener.note(message),
      state: progress => listener.state(progress),
      paid: payment => {
        this.save().catch((error: unknown) => (this.#unsaved ??= error))
        listener.paid(payment)
      }
    }
    this.#selection = new ProviderSelection(context, this)
    for (const one of record.replicas) {
      const hire = one.state === 'live' ? context.hire.resume(one.agreement) : null
      const replica = new Replica(one, hire)
      if (one.state === 'live' && !hire) {
        replica.state = 'failed'
        replica.note = 'its agreement is over'
      }
      this.replicas.push(replica)
      if (replica.state === 'live') context.deviceLoads.change(replica.device, 1)
    }
  }

  /** The accepted result, or null when no result has a majority; then no provider gets the last payment. */
  async toEnd(signal: AbortSignal): Promise<Accepted | null> {
    await this.#plan(signal)
    for (;;) {
      await this.#statements(signal)
      const stated = this.#live.map(replica => ({ ...replica.stated, replica }))
      this.#contested ||= grouped(stated).length > 1
      const accepted = majority(stated, this.record.wanted)
      if (accepted) {
        const output = await this.#collect(
          accepted.map(({ replica }) => replica),
          signal
        )
        if (!output) continue
        for (const one of stated) {
          if (accepted.includes(one) || one.replica.state !== 'live') continue
          await this.#refuse(one.replica, isExcused(one, accepted))
        }
        return { result: accepted[0]!.result, output }
      }
      if (!this.#contested) throw this.#tooFew()
      if (!(await this.#breakTie())) {
        await this.#dispute()
        return null
      }
    }
  }

  /** Ends the replicas that are still live: nothing more is paid to them. */
  async abandon(reason: string): Promise<void> {
    for (const replica of this.#live) await this.#end(replica, 'failed', reason)
  }

  /** Call when this process stops working on the run. */
  leave(): void {
    for (const { device } of this.#live) this.#context.deviceLoads.change(device, -1)
  }

  /** Saves an accepted replica as live until the run has its end: after a crash its output is fetched again. */
  async save(change: Partial<RunRecord> = {}): Promise<void> {
    if (this.#unsaved) throw this.#unsaved
    const replicas = this.replicas.map(({ record }) =>
      record.state === 'equal' && !change.end ? { ...record, state: 'live' } : record
    )
    this.record = { ...this.record, ...change, replicas }
    await this.#context.records.save(this.record)
  }

  get #live(): Replica[] {
    return this.replicas.filter(({ state }) => state === 'live')
  }

  get #isAuto(): boolean {
    return this.record.verify === AUTO
  }

  /** Checks, before anything is signed, that there are enough providers and that budget and limits cover them. */
  async #plan(signal: AbortSignal): Promise<void> {
    if (this.record.fuel > 0n) return
    const { verify, maxMsat } = this.record
    const needed = this.#isAuto ? 1 : verify
    const asks = await this.#selection.first(needed, signal)
    if (asks.length < needed) throw await this.#noOffer(asks.length, needed)
    const fuel = equalFuel(asks, maxMsat)
    const shares = asks.map(ask => shareOf(ask, fuel, maxMsat))
    if (fuel === 0n || shares.includes(0n)) throw await this.#noOffer(0, needed)
    const fault = this.#context.faultOf({ msat: shares.reduce((sum, share) => sum + share, 0n) })
    if (fault) throw fault
    await this.save({ fuel })
  }

  /** Gets a statement from each of the wanted replicas, or from as many as can be found. */
  async #statements(signal: AbortSignal): Promise<void> {
    for (;;) {
      const isFull = await this.#commitments(signal)
      await settled(
        this.#live
          .filter(({ statement }) => !statement)
          .map(async replica => {
            try {
              await replica.reveal(this.#listener)
            } catch (error) {
              await this.#failed(replica, error, signal)
            }
          })
      )
      await this.save()
      if (isFull && this.#live.length < this.record.wanted) continue
      if (!this.#isAuto || this.#contested || this.#live.length !== 1 || this.record.wanted === 1) return
      this.#listener.note('no second provider was found to check the result')
      return this.save({ wanted: 1 })
    }
  }

  /** Runs until every wanted replica has a commitment. Returns false when no provider was left for one of them. */
  async #commitments(signal: AbortSignal): Promise<boolean> {
    const halt = new AbortController()
    const both = AbortSignal.any([signal, halt.signal])
    const commitments: Promise<boolean>[] = []
    let begun = 0
    const begin = (replica: Replica | null): void => {
      begun++
      if (replica?.statement) return
      const commitment = this.#commitment(replica, both, beginWanted)
      commitments.push(
        commitment.catch((error: unknown) => {
          halt.abort(error)
          return false
        })
      )
    }
    const beginWanted = (): void => {
      while (begun < this.record.wanted) begin(null)
    }
    this.#live.forEach(begin)
    beginWanted()
    let isFull = true
    // A hire may raise the number of wanted replicas, so the list may grow during the loop.
    for (let i = 0; i < commitments.length; i++) {
      const isCommitted = await commitments[i]!
      isFull &&= isCommitted
    }
    both.throwIfAborted()
    return isFull
  }

  /** Gets one commitment, from this replica or, when it fails, from the next provider; false when none is left. */
  async #commitment(replica: Replica | null, signal: AbortSignal, onhired: () => void): Promise<boolean> {
    for (let next = replica; ;) {
      const current: Replica | null = next ?? (await this.#hireNext(signal))
      if (!current) return false
      onhired()
      next = null
      try {
        const replaced = await this.#committedOrReplaced(current, signal)
        if (!replaced) return true
        next = replaced.by
        await this.save(this.#checked(next))
        await this.#failed(current, replaced.error, signal)
      } catch (error) {
        await this.#failed(current, error, signal)
      }
    }
  }

  /** A second result is wanted beside that of a provider that is drawn to be checked. */
  #checked({ identity }: Replica): Pick<RunRecord, 'wanted'> | object {
    const isDrawn = this.#isAuto && this.record.wanted === 1 && this.#context.checks.isDrawn(identity)
    return isDrawn ? { wanted: plannedReplicas(this.record) } : {}
  }

  /** The provider that takes over from one that fell silent; null once the first one has committed. */
  #committedOrReplaced(replica: Replica, signal: AbortSignal): Promise<Replaced<Replica> | null> {
    const { timeouts = JOB_TIMEOUTS, clock } = this.#context
    return doneOrReplaced((stop, onnews) => replica.commit(this.#listener, stop, onnews), {
      ...{ name: replica.name, signal, silentMs: timeouts.spare, clock },
      agree: () => this.#hireNext(signal, replica),
      drop: spare => this.#end(spare, 'failed', 'the first provider answered again')
    })
  }

  async #hireNext(signal: AbortSignal, instead: Replica | null = null): Promise<Replica | null> {
    const { hire, experiences } = this.#context
    for (;;) {
      signal.throwIfAborted()
      const choice = await this.#selection.next(signal, instead)
      if (!choice) return null
      const { ask, shareMsat } = choice
      const { market, module, input, args, seed, limits, fuel, offer, maxPrice, passed } = this.record
      let isHired = false
      this.record = { ...this.record, passed: [...passed, ask.id] }
      try {
        const packed = { module: { ref: module }, input: { ref: input } }
        const firstInstallmentMsat = firstInstallmentFor(experiences, ask.identity)
        const prices = { offer: offer || null, maxPrice: maxPrice || null }
        const job = { market, ask, packed, args, seed, limits, fuel }
        const request = { ...job, ...prices, maxMsat: shareMsat, firstInstallmentMsat }
        const replica = Replica.of(await hire.agree(request, signal), ask.id)
        this.replicas.push(replica)
        isHired = true
        await this.save(instead ? {} : this.#checked(replica))
        return replica
      } catch (error) {
        if (!isTheirs(error, signal)) throw error
        await experiences.failed(ask, error)
        await this.save()
        this.#skipped(ask.device, error)
      } finally {
        this.#selection.settled(choice, isHired)
      }
    }
  }

  /** Pays the replicas with the accepted result. Returns the first output that opens, or null when none opens. */
  async #collect(accepted: readonly Replica[], signal: AbortSignal): Promise<JobOutput | null> {
    const { checks, experiences } = this.#context
    let output: JobOutput | null = null
    await settled(
      accepted.map(async replica => {
        try {
          const opened = await replica.collect(this.#listener, signal)
          output ??= opened
          await this.#end(replica, 'equal')
          await experiences.good(replica.identity)
          if (accepted.length > 1) await checks.valid(replica.identity)
        } catch (error) {
          await this.#failed(replica, error, signal)
        }
      })
    )
    return output
  }

  /** Ends a replica whose result was not accepted. */
  async #refuse(replica: Replica, isExcused: boolean): Promise<void> {
    const { checks, experiences } = this.#context
    if (isExcused)
      return this.#end(replica, 'failed', 'its share of the budget bought a different amount of fuel')
    const note = 'its result differs from that of the majority'
    await this.#keepEvidence(replica)
    await this.#end(replica, 'other', note)
    await checks.wrong(replica.identity)
    await experiences.bad(replica.identity, note)
    this.#listener.note(`provider ${replica.name}: ${note}; it does not get the last payment`)
  }

  /** Asks for a third replica when the two of an `auto` run differ. */
  async #breakTie(): Promise<boolean> {
    if (!this.#isAuto || this.record.wanted >= WITH_TIE_BREAK) return false
    this.#listener.note('the results of two providers differ; a third provider is asked')
    await this.save({ wanted: WITH_TIE_BREAK })
    return true
  }

  async #dispute(): Promise<void> {
    for (const replica of this.#live) {
      await this.#keepEvidence(replica)
      await this.#end(replica, 'other', 'the results differ, and none has a majority')
    }
  }

  /** Ends the replica of a provider that failed. Throws the error when this node failed or was stopped. */
  async #failed(replica: Replica, error: unknown, signal: AbortSignal): Promise<void> {
    if (!isTheirs(error, signal)) throw error
    if (PROVABLE.has(error.code)) {
      await this.#keepEvidence(replica)
      await this.#context.checks.wrong(replica.identity)
    }
    await this.#context.experiences.failed(replica, error)
    await this.#end(replica, 'failed', error.message)
    this.#listener.note(
      `provider ${replica.name} failed: ${error.message}; ${formatAmount(replica.paidMsat)} were paid to it`
    )
  }

  async passOver(failed: readonly { ask: BookedComputeAsk; error: unknown }[]): Promise<void> {
    const away = failed.filter(({ error }) => isAway(error))
    if (away.length > MOST_NOTES) this.note(awayNote(away.length))
    for (const { ask, error } of failed) {
      await this.#context.experiences.failed(ask, error)
      if (!isAway(error) || away.length <= MOST_NOTES) this.#skipped(ask.device, error)
    }
  }

  note(message: string): void {
    this.#listener.note(message)
  }

  #skipped(device: Buffer, error: unknown): void {
    const why = error instanceof Error ? error.message : String(error)
    this.#listener.note(`skipped the offer of ${shortKey(device)}: ${why}`)
  }

  async #keepEvidence(replica: Replica): Promise<void> {
    const path = await this.#context.evidence.write(replica.agreement, replica.hire.evidence())
    if (!this.record.evidence.includes(path)) await this.save({ evidence: [...this.record.evidence, path] })
  }

  async #end(replica: Replica, state: Replica['state'], note = ''): Promise<void> {
    replica.state = state
    replica.note = note
    this.#context.deviceLoads.change(replica.device, -1)
    await this.save()
    if (state === 'equal') return
    try {
      await replica.hire.abandon(note)
    } catch (error) {
      // The provider ends the job by itself when no payment comes.
      if (!(error instanceof BushelError) || isOurs(error)) throw error
      this.#listener.note(`provider ${replica.name} could not be told that its job is over: ${error.message}`)
    }
  }

  async #noOffer(found: number, needed: number): Promise<BushelError> {
    const { asks } = this.#context
    const { market, maxMsat } = this.record
    const all = await asks(market, null)
    const { away } = this.#selection
    const silent = away > 0 ? `, ${away} devices could not be reached` : ''
    return new BushelError(
      'NO_OFFER',
      `${found} of ${needed} providers can run this job for ${formatAmount(maxMsat)} in all (the book has ${all.length} asks${silent})`,
      away > 0
        ? 'nothing was paid; try again when their providers are online, or lower --verify'
        : 'nothing was paid; raise --max, lower --verify, or see the asks with: bushel book compute'
    )
  }

  #tooFew(): BushelError {
    const { overLimit } = this.#selection
    if (overLimit && this.replicas.length === 0) return overLimit
    const { wanted } = this.record
    const paid = this.replicas.reduce((sum, { paidMsat }) => sum + paidMsat, 0n)
    const results = this.replicas.filter(({ statement }) => statement).length
    const { away } = this.#selection
    const silent = away > 0 ? `; ${away} devices could not be reached` : ''
    return new BushelError(
      'NO_OFFER',
      `${results} of ${wanted} providers gave a result, and no other offer fits${silent}; ${formatAmount(paid)} were paid`,
      'run the same command again later, or see the asks with: bushel book compute'
    )
  }
}

/** Waits until all promises have settled, then rejects with the first error, if any. */
async function settled(promises: Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises))
    if (result.status === 'rejected') throw result.reason
}

/** Whether another provider may succeed: the error is not ours and the run was not aborted. */
function isTheirs(error: unknown, signal: AbortSignal): error is BushelError {
  return !signal.aborted && !isOurs(error)
}
