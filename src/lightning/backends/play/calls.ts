import type { BushelError } from '../../../../contracts/errors/error.js'
import { endedBy } from './failure.js'
import type { WalletCall } from './messages.js'

export interface PendingCall {
  /** Made anew each time it is sent, so that what is left of a time limit can be put in. */
  call(): WalletCall
  /** All three are called in the order in which the process has answered. */
  resolve(value: unknown): void
  reject(error: Error): void
  /** The process died of it, and it is not sent again: what it had done by then is on disk. */
  killed(error: BushelError): void
}

/** How the Lightning process ended. */
export interface Death {
  reason: string
  /** It was killed from outside, which says nothing of the calls that it had. */
  outside: boolean
  /** The calls that it named; null when it ended without a word, and any that it had may be the cause. */
  calls: readonly number[] | null
}

/** A call is not sent again once the deaths that it was in flight at come to this. */
const LIMIT = 3
const WEIGHT = { outside: 1, own: 2 }

/** The calls that wait for an answer, and which of them are sent again after a death of the process. */
export class PendingCalls {
  readonly #calls = new Map<number, PendingCall & { weight: number }>()
  /** Those that the process which runs now has been sent. */
  readonly #sent = new Set<number>()
  #next = 1

  add(call: PendingCall): number {
    const id = this.#next++
    this.#calls.set(id, { ...call, weight: 0 })
    return id
  }

  /** The call, which the process is about to be sent. */
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

  /** Fails the calls that the process died of, and those that have been in flight at too many deaths. */
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
