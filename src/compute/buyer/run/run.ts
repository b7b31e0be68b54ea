import type { JobOutput, JobResult, RunRecord } from '#spec'
import { BushelError, isBlamed, isOurs } from '../../../../contracts/errors/error.js'
import { shortKey } from '../../../../contracts/keys/key.js'
import { SAT, formatAmount } from '../../../../contracts/money/money.js'
import { Choosing, seatsOf } from './choosing.js'
import type { ChoosingContext } from './choosing.js'
import type { Checks } from '../checks.js'
import type { EvidenceFiles } from '../../job/evidence-files.js'
import { PROVABLE } from '../faults.js'
import type { HirePort } from '../hire-port.js'
import { Replica } from './replica.js'
import { AUTO } from './run-records.js'
import type { RunRecords } from './run-records.js'
import type { RunListener } from './run-types.js'
import { commonFuel, shareOf } from './shares.js'
import { grouped, isExcused, majority } from '../../job/verdicts.js'

export interface RunContext extends ChoosingContext {
  hire: HirePort
  records: RunRecords
  checks: Checks
  evidence: EvidenceFiles
  experiences: ChoosingContext['experiences'] & {
    good(identity: Buffer): Promise<void>
    bad(identity: Buffer, note: string): Promise<void>
  }
}

export interface Accepted {
  result: JobResult
  output: JobOutput
}

const INSTALLMENT_START = 5n * SAT
const MAX_START_DOUBLINGS = 3
/** Providers that `auto` asks when two differ. */
const WITH_TIE_BREAK = 3

/**
 * One run, from choosing providers to a result that is accepted, or to a dispute. Each provider is bound to its result
 * before any is asked to show it, and only those whose results more than half of them share are paid to the end.
 */
export class Run {
  record: RunRecord
  readonly replicas: Replica[] = []
  readonly #context: RunContext
  readonly #choosing: Choosing
  readonly #listener: RunListener
  /** Why what was paid is not on disk. */
  #unsaved: unknown = null
  /** Two results that differ were seen. */
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
    this.#choosing = new Choosing(context, this)
    for (const one of record.replicas) {
      const hire = one.state === 'live' ? context.hire.resume(one.agreement) : null
      const replica = new Replica(one, hire)
      if (one.state === 'live' && !hire) {
        replica.state = 'failed'
        replica.note = 'its agreement is over'
      }
      this.replicas.push(replica)
      if (replica.state === 'live') context.loads.change(replica.device, 1)
    }
  }

  /** The result that was accepted; null when the providers differ, and none of them is paid to the end. */
  async toEnd(signal: AbortSignal): Promise<Accepted | null> {
    await this.#plan()
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

  /** Gives up what is still at work: nothing more is paid to it. */
  async abandon(reason: string): Promise<void> {
    for (const replica of this.#live) await this.#end(replica, 'failed', reason)
  }

  /** No longer at work here, as far as this process is concerned. */
  leave(): void {
    for (const { device } of this.#live) this.#context.loads.change(device, -1)
  }

  /** Until the run is over on disk, one that was paid is live there: its output is fetched again after a crash. */
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

  /** Enough providers, money for all of them, and leave to spend it, before anything is signed. */
  async #plan(): Promise<void> {
    if (this.record.fuel > 0n) return
    const { verify, maxMsat } = this.record
    const asks = await this.#choosing.first()
    const needed = this.#isAuto ? 1 : verify
    if (asks.length < needed) throw await this.#noOffer(asks.length, needed)
    const fuel = commonFuel(asks, maxMsat)
    const shares = asks.map(ask => shareOf(ask, fuel, maxMsat))
    if (fuel === 0n || shares.includes(0n)) throw await this.#noOffer(0, needed)
    const fault = this.#context.faultOf({ msat: shares.reduce((sum, share) => sum + share, 0n) })
    if (fault) throw fault
    await this.save({ fuel })
  }

  /** A statement of each of as many providers as are wanted, or of as many as there are. */
  async #statements(signal: AbortSignal): Promise<void> {
    for (;;) {
      const isFull = await this.#fill(signal)
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

  /** Until every seat has somebody who is bound to a result; false when nobody is left for one of them. */
  async #fill(signal: AbortSignal): Promise<boolean> {
    const halt = new AbortController()
    const both = AbortSignal.any([signal, halt.signal])
    const seats: Promise<{ taken: boolean; error?: unknown }>[] = []
    let seated = 0
    const sit = (replica: Replica | null): void => {
      seated++
      if (replica?.statement) return
      const seat = this.#seat(replica, both, open)
      seats.push(
        seat.then(
          taken => ({ taken }),
          (error: unknown) => {
            halt.abort(error)
            return { taken: false, error }
          }
        )
      )
    }
    const open = (): void => {
      while (seated < this.record.wanted) sit(null)
    }
    this.#live.forEach(sit)
    open()
    let isFull = true
    // Seats may be added while others are waited for.
    for (let i = 0; i < seats.length; i++) {
      const { taken } = await seats[i]!
      isFull &&= taken
    }
    both.throwIfAborted()
    return isFull
  }

  async #seat(replica: Replica | null, signal: AbortSignal, open: () => void): Promise<boolean> {
    for (let sitting = replica; ; sitting = null) {
      sitting ??= await this.#hireNext(signal)
      if (!sitting) return false
      open()
      try {
        await sitting.commit(this.#listener, signal)
        return true
      } catch (error) {
        await this.#failed(sitting, error, signal)
      }
    }
  }

  async #hireNext(signal: AbortSignal): Promise<Replica | null> {
    const { hire, experiences, checks } = this.#context
    for (;;) {
      signal.throwIfAborted()
      const choice = await this.#choosing.next()
      if (!choice) return null
      const { ask, shareMsat } = choice
      const { market, module, input, args, seed, limits, passed } = this.record
      let isHired = false
      this.record = { ...this.record, passed: [...passed, ask.id] }
      try {
        const packed = { module: { ref: module }, input: { ref: input } }
        const good = experiences.of(ask.identity)?.good ?? 0
        const doublings = Math.min(Math.floor(good / 10), MAX_START_DOUBLINGS)
        const firstInstallmentMsat = INSTALLMENT_START * 2n ** BigInt(doublings)
        const request = { market, ask, packed, args, seed, limits, maxMsat: shareMsat, firstInstallmentMsat }
        const replica = Replica.of(await hire.agree(request, signal), ask.id)
        this.replicas.push(replica)
        isHired = true
        const isChecked = this.#isAuto && this.record.wanted === 1 && checks.isDrawn(replica.identity)
        await this.save(isChecked ? { wanted: seatsOf(this.record) } : {})
        return replica
      } catch (error) {
        if (!isTheirs(error, signal)) throw error
        await this.#blame(ask.identity, error)
        await this.save()
        this.#listener.note(`offer of ${shortKey(ask.device)} passed over: ${error.message}`)
      } finally {
        this.#choosing.settled(choice, isHired)
      }
    }
  }

  /** Pays those whose result is accepted; what the first of them opens is the output. Null when none of them opens. */
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

  /** Its result is not the one that was accepted. */
  async #refuse(replica: Replica, isExcused: boolean): Promise<void> {
    const { checks, experiences } = this.#context
    if (isExcused) return this.#end(replica, 'failed', 'its part of the money bought another amount of fuel')
    const note = 'its result is not that of the others'
    await this.#keepEvidence(replica)
    await this.#end(replica, 'other', note)
    await checks.wrong(replica.identity)
    await experiences.bad(replica.identity, note)
    this.#listener.note(`provider ${replica.name}: ${note}; it is not paid to the end`)
  }

  /** A third provider where two of `auto` differ. */
  async #breakTie(): Promise<boolean> {
    if (!this.#isAuto || this.record.wanted >= WITH_TIE_BREAK) return false
    this.#listener.note('two providers differ; a third is asked')
    await this.save({ wanted: WITH_TIE_BREAK })
    return true
  }

  async #dispute(): Promise<void> {
    for (const replica of this.#live) {
      await this.#keepEvidence(replica)
      await this.#end(replica, 'other', 'the results differ, and none has a majority')
    }
  }

  /** A provider that failed, as far as it is not this node that did. */
  async #failed(replica: Replica, error: unknown, signal: AbortSignal): Promise<void> {
    if (!isTheirs(error, signal)) throw error
    if (PROVABLE.has(error.code)) {
      await this.#keepEvidence(replica)
      await this.#context.checks.wrong(replica.identity)
    }
    await this.#blame(replica.identity, error)
    await this.#end(replica, 'failed', error.message)
    this.#listener.note(
      `provider ${replica.name} failed: ${error.message}; ${formatAmount(replica.paidMsat)} were paid to it`
    )
  }

  /** What a peer did wrong is remembered; what only befell it is not. */
  async #blame(identity: Buffer, error: BushelError): Promise<void> {
    if (isBlamed(error)) await this.#context.experiences.bad(identity, error.message)
  }

  async #keepEvidence(replica: Replica): Promise<void> {
    const path = await this.#context.evidence.write(replica.agreement, replica.hire.evidence())
    if (!this.record.evidence.includes(path)) await this.save({ evidence: [...this.record.evidence, path] })
  }

  async #end(replica: Replica, state: Replica['state'], note = ''): Promise<void> {
    replica.state = state
    replica.note = note
    this.#context.loads.change(replica.device, -1)
    await this.save()
    if (state === 'equal') return
    try {
      await replica.hire.abandon(note)
    } catch (error) {
      // It need not hear of it: what it is not paid for ends it.
      if (!(error instanceof BushelError) || isOurs(error)) throw error
      this.#listener.note(`provider ${replica.name} was not told that it is over: ${error.message}`)
    }
  }

  async #noOffer(found: number, needed: number): Promise<BushelError> {
    const { asks } = this.#context
    const { market, maxMsat } = this.record
    const all = await asks(market, null)
    return new BushelError(
      'NO_OFFER',
      `${found} of ${needed} providers can run this job for ${formatAmount(maxMsat)} in all (${all.length} asks stand on the book)`,
      'nothing was paid; raise --max, ask for fewer with --verify, or look at: bushel book compute'
    )
  }

  #tooFew(): BushelError {
    const { overLimit } = this.#choosing
    if (overLimit && this.replicas.length === 0) return overLimit
    const { wanted } = this.record
    const paid = this.replicas.reduce((sum, { paidMsat }) => sum + paidMsat, 0n)
    const results = this.replicas.filter(({ statement }) => statement).length
    return new BushelError(
      'NO_OFFER',
      `${results} of ${wanted} providers gave a result, and no more offers fit; ${formatAmount(paid)} were paid`,
      'run the same command again later, or look at: bushel book compute'
    )
  }
}

/** Waits for all of them, and rejects with the first error among them. */
async function settled(promises: Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises))
    if (result.status === 'rejected') throw result.reason
}

/** What another provider may mend: neither was this node stopped, nor did it fail itself. */
function isTheirs(error: unknown, signal: AbortSignal): error is BushelError {
  return !signal.aborted && !isOurs(error)
}
