import type { PaymentState } from '../../wallet.js'
import type { PaymentReport } from './messages.js'

/** Of whatever attempt. */
export const UNDER_WAY: PaymentReport = { state: { status: 'pending' }, attempt: Infinity }

type Watcher = (report: PaymentReport) => void

/**
 * Who waits for which payment, and which ones were asked for and not yet answered. A failure only counts for those
 * that wait for that very attempt: an older one says nothing about what is under way now.
 */
export class Outcomes {
  readonly #watchers = new Map<string, Set<Watcher>>()
  readonly #asked = new Map<string, number>()

  /** Hashes that somebody waits for. */
  hashes(): Buffer[] {
    return [...this.#watchers.keys()].map(key => Buffer.from(key, 'hex'))
  }

  /** Collects what is told of a payment until `stop`. */
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

  tell(paymentHash: Buffer, report: PaymentReport): void {
    if (report.state.status !== 'succeeded' && report.state.status !== 'failed') return
    for (const watcher of this.#watchers.get(paymentHash.toString('hex')) ?? []) watcher(report)
  }

  /** Nothing more will be told: what is under way stays so, and nobody need wait any longer. */
  end(): void {
    for (const watchers of this.#watchers.values()) for (const watcher of watchers) watcher(UNDER_WAY)
  }

  /** The process was asked to pay and has not answered yet: it may send at any moment. */
  asked(paymentHash: Buffer): void {
    const key = paymentHash.toString('hex')
    this.#asked.set(key, (this.#asked.get(key) ?? 0) + 1)
  }

  answered(paymentHash: Buffer): void {
    const key = paymentHash.toString('hex')
    const left = (this.#asked.get(key) ?? 1) - 1
    if (left) this.#asked.set(key, left)
    else this.#asked.delete(key)
  }

  /** What may truly be said of a payment whose record says this. */
  truth(paymentHash: Buffer, state: PaymentState): PaymentState {
    const open = state.status === 'failed' || state.status === 'unknown'
    return open && this.#asked.has(paymentHash.toString('hex')) ? { status: 'pending' } : state
  }
}
