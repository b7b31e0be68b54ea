import type { PaymentState } from '../../payment-records.js'
import type { PaymentReport } from './messages.js'

/** Pending, for any attempt. */
export const PENDING: PaymentReport = { state: { status: 'pending' }, attempt: Infinity }

type Watcher = (report: PaymentReport) => void

/**
 * The watchers of payments, and the `pay` calls without an answer. A failure ends only the watchers of its attempt: a
 * newer attempt may still be pending.
 */
export class Outcomes {
  readonly #watchers = new Map<string, Set<Watcher>>()
  readonly #payRequests = new Map<string, number>()

  /** Payment hashes with a watcher. */
  hashes(): Buffer[] {
    return [...this.#watchers.keys()].map(key => Buffer.from(key, 'hex'))
  }

  /** Watches the reports on a payment until `stop`; `final` resolves with the final state of an attempt. */
  watch(paymentHash: Buffer): { final(attempt: number): Promise<PaymentState>; stop(): void } {
    const key = paymentHash.toString('hex')
    const watchers = this.#watchers.get(key) ?? new Set()
    this.#watchers.set(key, watchers)
    let last: PaymentReport | null = null
    let wanted = Infinity
    let resolve: (state: PaymentState) => void = () => undefined
    const final = new Promise<PaymentState>(done => (resolve = done))
    const look = (): void => {
      if (!last) return
      if (last.state.status === 'succeeded' || last.attempt >= wanted) resolve(last.state)
    }
    const watcher: Watcher = report => {
      last = report
      look()
    }
    watchers.add(watcher)
    return {
      final: attempt => {
        wanted = attempt
        look()
        return final
      },
      stop: () => {
        watchers.delete(watcher)
        if (!watchers.size) this.#watchers.delete(key)
      }
    }
  }

  report(paymentHash: Buffer, report: PaymentReport): void {
    if (report.state.status !== 'succeeded' && report.state.status !== 'failed') return
    for (const watcher of this.#watchers.get(paymentHash.toString('hex')) ?? []) watcher(report)
  }

  /** Call when no more reports come: ends all watchers with `pending`. */
  end(): void {
    for (const watchers of this.#watchers.values()) for (const watcher of watchers) watcher(PENDING)
  }

  /** Call when a `pay` call is made: until `payAnswered`, the process may send the payment at any moment. */
  payRequested(paymentHash: Buffer): void {
    const key = paymentHash.toString('hex')
    this.#payRequests.set(key, (this.#payRequests.get(key) ?? 0) + 1)
  }

  payAnswered(paymentHash: Buffer): void {
    const key = paymentHash.toString('hex')
    const left = (this.#payRequests.get(key) ?? 1) - 1
    if (left) this.#payRequests.set(key, left)
    else this.#payRequests.delete(key)
  }

  /** The state to return for a recorded state: `pending` instead of failed or unknown while a `pay` call is open. */
  visibleState(paymentHash: Buffer, state: PaymentState): PaymentState {
    const open = state.status === 'failed' || state.status === 'unknown'
    return open && this.#payRequests.has(paymentHash.toString('hex')) ? { status: 'pending' } : state
  }
}
