import ReadyResource from 'ready-resource'
import { BushelError } from '../../contracts/errors.js'
import { HOUR } from '../../contracts/quantity.js'
import { Copy } from './copy.js'
import type { CopyContext } from './copy.js'
import { epochsOf } from './leases.js'
import { PATIENCE } from './patience.js'
import type { Refunds } from './refunds.js'

export interface TenantOptions extends CopyContext {
  refunds: Refunds
  onfault: (error: unknown) => void
  /** ms between looks at what is due. */
  tickEvery?: number
}

/** A slice is paid so long before its epoch begins, or half an epoch where that is less. */
const LEAD = HOUR

/**
 * Pays the later slices of leases that were not paid ahead in full, each after an audit, while the node runs. A
 * provider that does not prove what it holds is not paid; its silence alone is only tried again.
 */
export class Tenant extends ReadyResource {
  readonly #options: TenantOptions
  readonly #stop = new AbortController()
  #timer: NodeJS.Timeout | null = null
  #turn: Promise<void> = Promise.resolve()

  constructor(options: TenantOptions) {
    super()
    // A wallet that is away keeps no lease waiting for another: each is looked at again soon enough.
    this.#options = { ...options, patience: { ...(options.patience ?? PATIENCE), wallet: 0 } }
  }

  protected override async _open(): Promise<void> {
    const look = (): void => {
      this.#turn = this.#turn.then(() => this.look()).catch(error => this.#options.onfault(error))
    }
    this.#timer = setInterval(look, this.#options.tickEvery ?? 60_000)
    this.#timer.unref()
    look()
  }

  protected override async _close(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer)
    this.#stop.abort()
    await this.#turn
  }

  /** Pays what is due now. */
  async look(): Promise<void> {
    const { leases, now } = this.#options
    for (const { id, lease } of [...leases.list('buyer')]) {
      if (this.#stop.signal.aborted) return
      const copy = new Copy(this.#options, id)
      if (UNPAID.has(lease.state) && now() > lease.terms.startBy) await this.#lapse(copy)
      if (lease.state !== 'STORED') continue
      const next = epochsOf(lease)[copy.paidEpochs]
      if (now() > copy.paidUntil + (next ? lease.terms.grace : 0))
        await copy.close(next ? 'it ran out' : 'it was served')
      else if (next && now() >= lease.start + next.start - Math.min(LEAD, (next.end - next.start) / 2)) {
        await this.#pay(copy)
      }
    }
    await this.#options.refunds.look()
  }

  /** An agreement whose first payment never left binds nobody; one that is in flight is the wallet's to tell of. */
  async #lapse(copy: Copy): Promise<void> {
    if (this.#options.teller.ledger.totals(copy.id).inFlightMsat === 0n)
      await copy.void('it was not started in time')
  }

  async #pay(copy: Copy): Promise<void> {
    try {
      await copy.payNext(this.#stop.signal)
    } catch (error) {
      if (this.#stop.signal.aborted) return
      if (error instanceof BushelError && error.code === 'ENDED') await this.#settle(copy, error.message)
      else if (error instanceof BushelError && ENDS.has(error.code)) await copy.close(error.message)
      this.#options.onfault(error)
    }
  }

  /** The provider has ended it: its word on what it owes back is taken. */
  async #settle(copy: Copy, reason: string): Promise<void> {
    try {
      await copy.end(reason)
    } catch (error) {
      await copy.close(reason)
      throw error
    }
  }
}

const UNPAID = new Set(['AGREED', 'BOUND'])
const ENDS = new Set(['BAD_PEER', 'NO_AGREEMENT'])
