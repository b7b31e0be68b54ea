import { isOurs } from '../../../contracts/errors/error.js'
import { LEAST_PAYMENT } from '../../../contracts/money/money.js'
import type { Msat } from '../../../contracts/money/money.js'
import { isDeclined } from '../../deal/decline.js'
import type { DealChannel } from '../../deal/channel.js'
import type { DebtBalance, Debts } from '../../payment/debts.js'
import type { Payments } from '../../payment/payments.js'
import type { Leases } from '../lease/leases.js'
import { KeyedBackoff } from '../../base/backoff.js'
import type { Retry } from '../../base/backoff.js'
import { deadline } from '../../base/timeouts.js'
import { TIMEOUTS } from '../lease/timeouts.js'
import type { Timeouts } from '../lease/timeouts.js'

/** What is owed to us for leases that are over, and by how many providers. */
export interface Owed {
  msat: Msat
  providers: number
}

export function owedTo(debts: Debts, leases: Leases): Owed {
  const providers = new Set<string>()
  let msat = 0n
  for (const standing of debts.unsettled('creditor')) {
    const rest = restOf(standing)
    const lease = leases.get('buyer', standing.debt.debt.agreement!)
    if (!lease || rest < LEAST_PAYMENT) continue
    msat += rest
    providers.add(lease.terms.provider.identity!.toString('hex'))
  }
  return { msat, providers: providers.size }
}

/** True when something is owed to us for an agreement that can be paid. */
export function isOwed(debts: Debts, agreement: Buffer): boolean {
  const standing = debts.get('creditor', agreement)
  return standing !== null && restOf(standing) >= LEAST_PAYMENT
}

function restOf({ leftMsat, openMsat, askedMsat }: DebtBalance): Msat {
  return leftMsat + openMsat + askedMsat
}

export interface RefundsOptions {
  debts: Debts
  payments: Payments
  leases: Leases
  open(device: Buffer): Promise<DealChannel>
  /** Asks whether less is left of a debt than is known here, because an earlier device of the owner has had a part of it. */
  isLess?: (channel: DealChannel, agreement: Buffer) => Promise<boolean>
  now: () => number
  timeouts?: Timeouts
  retry?: Retry
}

/** Collects what providers owe for ended leases, with one invoice of ours per debt. */
export class Refunds {
  readonly #options: RefundsOptions
  readonly #backoff: KeyedBackoff

  constructor(options: RefundsOptions) {
    this.#options = options
    this.#backoff = new KeyedBackoff(options.retry, options.now)
  }

  /** Claims each debt that is due; a provider that is offline is asked again later. */
  async look(): Promise<void> {
    await this.#options.debts.sweep()
    for (const { debt } of [...this.#options.debts.unsettled('creditor')]) {
      const { agreement } = debt.debt
      if (this.#claimable(agreement) === 0n || !this.#backoff.isDue(agreement)) continue
      try {
        await this.claim(agreement)
      } catch (error) {
        if (isOurs(error)) throw error // any other error is the provider's: the claim is repeated later
      }
    }
  }

  /** Claims the debts of a provider that has just connected. */
  async met(device: Buffer): Promise<void> {
    const { debts, leases } = this.#options
    let owes = false
    for (const { debt, leftMsat, openMsat } of debts.unsettled('creditor')) {
      const { agreement } = debt.debt
      const provider = leases.get('buyer', agreement)?.terms.provider.device
      if (leftMsat + openMsat === 0n || !provider?.equals(device)) continue
      this.#backoff.reset(agreement)
      owes = true
    }
    if (owes) await this.look()
  }

  /** The agreements for which something is owed to us. */
  *owed(): Iterable<Buffer> {
    for (const { debt } of this.#options.debts.unsettled('creditor'))
      if (this.isOwed(debt.debt.agreement)) yield debt.debt.agreement
  }

  /** True when something is owed to us for an agreement that can be paid. */
  isOwed(agreement: Buffer): boolean {
    return isOwed(this.#options.debts, agreement)
  }

  /** Claims a debt and waits at most `timeoutMs` until it is paid back; returns the amount paid back, msat. */
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
   * Sends our invoice for the rest of a debt, which counts as paid when our own wallet says so. Sends none while the
   * provider has not answered a request to settle an installment from the debt, since the rest is unknown then.
   */
  async claim(agreement: Buffer): Promise<void> {
    const { open, isLess } = this.#options
    const device = this.#options.leases.get('buyer', agreement)?.terms.provider.device
    if (!device || this.#claimable(agreement) === 0n) return
    const channel = await open(device)
    try {
      await this.#claim(channel, agreement)
    } catch (error) {
      if (!isLess || !isDeclined(error, 'INVOICE', 'NO_DEBT')) throw error
      if (!(await isLess(channel, agreement))) throw error
      await this.#claim(channel, agreement)
    }
  }

  async #claim(channel: DealChannel, agreement: Buffer): Promise<void> {
    const { debts, payments, leases } = this.#options
    const { identity } = leases.get('buyer', agreement)!.terms.provider
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

  /** The amount that an invoice may claim now, msat; 0 for a rest of credits that is too small to be paid. */
  #claimable(agreement: Buffer): Msat {
    const standing = this.#options.debts.get('creditor', agreement)
    const msat = standing?.askedMsat === 0n ? standing.leftMsat + standing.openMsat : 0n
    return msat < LEAST_PAYMENT ? 0n : msat
  }
}
