import { isOurs } from '../../../contracts/errors/error.js'
import type { Msat } from '../../../contracts/money/money.js'
import type { DealChannel } from '../../deal/channel.js'
import type { Debts } from '../../payment/debts.js'
import type { Payments } from '../../payment/payments.js'
import type { Leases } from '../lease/leases.js'
import { KeyedBackoff } from '../../base/backoff.js'
import type { Retry } from '../../base/backoff.js'
import { deadline } from '../../base/timeouts.js'
import { TIMEOUTS } from '../lease/timeouts.js'
import type { Timeouts } from '../lease/timeouts.js'

export interface RefundsOptions {
  debts: Debts
  payments: Payments
  leases: Leases
  open(device: Buffer): Promise<DealChannel>
  now: () => number
  timeouts?: Timeouts
  retry?: Retry
}

/** Has what providers owe for ended leases paid back, by an invoice of ours for each debt. */
export class Refunds {
  readonly #options: RefundsOptions
  readonly #backoff: KeyedBackoff

  constructor(options: RefundsOptions) {
    this.#options = options
    this.#backoff = new KeyedBackoff(options.retry, options.now)
  }

  /** What is owed to us and not paid back, msat. */
  get openMsat(): Msat {
    let sum = 0n
    for (const { leftMsat, openMsat, askedMsat } of this.#options.debts.list('creditor'))
      sum += leftMsat + openMsat + askedMsat
    return sum
  }

  /** Asks for each debt whose time has come; a provider that is away is asked again later. */
  async look(): Promise<void> {
    for (const { debt } of [...this.#options.debts.list('creditor')]) {
      const { agreement } = debt.debt
      if (this.#claimable(agreement) === 0n || !this.#backoff.isDue(agreement)) continue
      try {
        await this.claim(agreement)
      } catch (error) {
        if (isOurs(error)) throw error // any other error is the provider's: it is asked again later
      }
    }
  }

  /** The provider is there: what it owes is asked for now. */
  async met(device: Buffer): Promise<void> {
    const { debts, leases } = this.#options
    let owes = false
    for (const { debt, leftMsat, openMsat } of debts.list('creditor')) {
      const { agreement } = debt.debt
      const provider = leases.get('buyer', agreement)?.terms.provider.device
      if (leftMsat + openMsat === 0n || !provider?.equals(device)) continue
      this.#backoff.reset(agreement)
      owes = true
    }
    if (owes) await this.look()
  }

  /** True when something is owed to us for an agreement. */
  isOwed(agreement: Buffer): boolean {
    const standing = this.#options.debts.get('creditor', agreement)
    return standing !== null && standing.leftMsat + standing.openMsat + standing.askedMsat > 0n
  }

  /** Claims a debt and waits at most `timeoutMs` until it is paid back; gives what was, msat. */
  async settle(agreement: Buffer, timeoutMs: number): Promise<Msat> {
    const { debts, payments } = this.#options
    const settled = (): Msat => debts.get('creditor', agreement)?.settledMsat ?? 0n
    const isOpen = (): boolean => this.isOwed(agreement)
    if (!isOpen()) return settled()
    await this.claim(agreement)
    await new Promise<void>(resolve => {
      const done = (): void => {
        cancel()
        payments.off('received', look)
        resolve()
      }
      const look = (): void => {
        if (!isOpen()) done()
      }
      const cancel = deadline(timeoutMs, done)
      payments.on('received', look)
      look()
    })
    return settled()
  }

  /**
   * Sends our invoice for what is left of a debt. It is paid when our own wallet says so. While the provider has not
   * answered whether it settles an installment from it, nobody knows what is left, and none is sent.
   */
  async claim(agreement: Buffer): Promise<void> {
    const { debts, payments, leases } = this.#options
    const terms = leases.get('buyer', agreement)?.terms
    if (!terms || this.#claimable(agreement) === 0n) return
    const { identity, device } = terms.provider
    const channel = await this.#options.open(device)
    const invoice = await debts.settling(agreement, async () => {
      const msat = this.#claimable(agreement)
      return msat > 0n ? payments.refundInvoice(agreement, msat, identity) : null
    })
    if (!invoice) return this.#backoff.reset(agreement)
    await channel.request(
      'refund',
      { agreement, invoice },
      {
        timeoutMs: (this.#options.timeouts ?? TIMEOUTS).answer
      }
    )
  }

  /** What may be asked for by an invoice now, msat. */
  #claimable(agreement: Buffer): Msat {
    const standing = this.#options.debts.get('creditor', agreement)
    return standing?.askedMsat === 0n ? standing.leftMsat + standing.openMsat : 0n
  }
}
