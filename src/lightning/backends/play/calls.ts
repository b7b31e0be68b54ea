import type { BushelError } from '../../../../contracts/errors/error.js'
import { endedBy } from './failure.js'
import type { WalletCall } from './messages.js'

export interface PendingCall {
  /** Builds the call for each sending, so that its time limit is the time that is left. */
  call(): WalletCall
  /** `resolve`, `reject` and `killed` are called in the order of the process's answers. */
  resolve(value: unknown): void
  reject(error: Error): void
  /** The process died of this call, so it is not sent again. Its effects up to then are on disk. */
  killed(error: BushelError): void
}

/** How the Lightning process ended. */
export interface Death {
  reason: string
  /** It was killed from outside, so its calls are not the cause. */
  outside: boolean
  /** The calls that it named as the cause; null when it reported nothing, so every call in flight may be the cause. */
  calls: readonly number[] | null
}

/** A call is not sent again when the weights of the deaths during which it was in flight add up to this. */
const LIMIT = 3
const WEIGHT = { outside: 1, own: 2 }

/** The unanswered calls; decides which of them are sent again after the process died. */
export class PendingCalls {
  readonly #calls = new Map<number, PendingCall & { weight: number }>()
  /** Calls sent to the running process. */
  readonly #sent = new Set<number>()
  #next = 1

  add(call: PendingCall): number {
    const id = this.#next++
    this.#calls.set(id, { ...call, weight: 0 })
    return id
  }

  /** Marks a call as sent to the running process and returns it. */
  send(id: number): WalletCall {
    this.#sent.add(id)
    return this.#calls.get(id)!.call()
  }

  ids(): number[] {
    return [...this.#calls.keys()]
  }

  take(id: number): PendingCall | undefined {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    this.#sent.delete(id)
    return call
  }

  /** Fails the calls that caused the death and those that were in flight during too many deaths. */
  died({ reason, calls, outside }: Death): void {
    const inFlight = [...this.#sent]
    this.#sent.clear()
    for (const id of inFlight) {
      const call = this.#calls.get(id)!
      call.weight += outside ? WEIGHT.outside : WEIGHT.own
      const cause = calls?.includes(id) ?? !outside
      if (cause || call.weight >= LIMIT) this.take(id)?.killed(endedBy(call.call().name, reason))
    }
  }

  failAll(error: BushelError): void {
    const calls = [...this.#calls.values()]
    this.#calls.clear()
    this.#sent.clear()
    for (const { reject } of calls) reject(error)
  }
}
