import { createHash, createHmac, randomBytes } from 'node:crypto'
import type { ListedInstallment, InstallmentList, Void } from '#spec'
import { BushelError } from '../../contracts/errors/error.js'
import type { Msat } from '../../contracts/money/money.js'
import type { Installment } from '../../contracts/money/installments.js'
import { STRIP_LENGTH } from '../../contracts/schema/counts.js'
import { invoiceDescription } from '../../contracts/terms.js'
import type { PaymentDraft, PaymentKind, Ledger, Payment } from './ledger.js'
import { intentId, isSettled } from './ledger.js'
import { KeyedMutex } from '../base/mutex.js'
import type { Wallet } from '../lightning/wallet.js'
import { STEP } from './payment-state.js'
import type { PaymentStep } from './payment-state.js'

/** The answer to a payer whose payment failed: the preimage when it had settled after all, else a new hash. */
export type ReissueAnswer = { preimage: Buffer } | { listed: ListedInstallment; invoice: string }

export interface PayeeOptions {
  ledger: Ledger
  wallet: Wallet
  /** Preimages are derived from it; 32 bytes that never leave this node. */
  secret: Buffer
  onreceived: (payment: Payment) => void
}

/** Most hashes issued for one installment. */
const MAX_ISSUES = 64

/** Receives payments: one payable hash at a time per installment, settled when our own wallet says so. */
export class Payee {
  readonly #options: PayeeOptions
  readonly #receiving = new Map<string, Promise<void>>()
  readonly #mutex = new KeyedMutex()

  constructor(options: PayeeOptions) {
    this.#options = options
  }

  get #ledger(): Ledger {
    return this.#options.ledger
  }

  get #wallet(): Wallet {
    return this.#options.wallet
  }

  /** Running work. */
  get working(): Promise<unknown>[] {
    return [...this.#receiving.values(), ...this.#mutex.working]
  }

  list(agreement: Buffer, installments: readonly Installment[], from: number): InstallmentList {
    const chosen = installments
      .slice(from, from + STRIP_LENGTH)
      .map(installment => this.#listed(agreement, installment.number, 0, installment.msat))
    return { agreement, installments: chosen }
  }

  async strip(list: InstallmentList, expirySeconds: number, peer: Buffer | null): Promise<string[]> {
    return this.#mutex.run(list.agreement.toString('hex'), () => this.#strip(list, expirySeconds, peer))
  }

  async #strip(list: InstallmentList, expirySeconds: number, peer: Buffer | null): Promise<string[]> {
    const { agreement } = list
    const fresh: PaymentDraft[] = []
    for (const listed of list.installments) {
      const known = this.#ledger.byHash(listed.hash)
      if (known?.step === STEP.refused && !this.#isReplaced(known)) throw taken(listed.installment)
      if (!known && this.#ledger.payment(agreement, listed.installment)) throw taken(listed.installment)
      if (!known) fresh.push(listedDraft(agreement, listed, peer))
    }
    await this.#ledger.record(...fresh)
    const issue = (listed: ListedInstallment): Promise<string> =>
      this.#mutex.run(turnOf(agreement, listed.installment), () =>
        this.#issue(agreement, listed, expirySeconds)
      )
    return Promise.all(list.installments.map(issue))
  }

  async refuseRest(agreement: Buffer): Promise<void> {
    for (const { installment } of this.#ledger.payments(agreement)) {
      await this.#mutex.run(turnOf(agreement, installment), async () => {
        const payment = this.#ledger.payment(agreement, installment)!
        if (payment.step !== STEP.listed || !(await this.#refuse(payment))) return
        await this.#ledger.record({ ...payment, step: STEP.refused })
      })
    }
  }

  /** True when the wallet refuses the hash from now on; false when it has received a payment, which is now recorded. */
  async #refuse(payment: Payment): Promise<boolean> {
    const state = await this.#wallet.refuse(payment.hash)
    if (state.status !== 'settled') return true
    await this.receive(payment.hash, payment.msat)
    return false
  }

  reissue(failed: Void, expirySeconds: number): Promise<ReissueAnswer> {
    const turn = turnOf(failed.agreement, failed.installment)
    return this.#mutex.run(turn, () => this.#reissue(failed, expirySeconds))
  }

  async #reissue({ agreement, installment, hash }: Void, expirySeconds: number): Promise<ReissueAnswer> {
    let old = this.#ledger.byHash(hash)
    const mine =
      old?.role === 'payee' &&
      old.kind === 'installment' &&
      old.installment === installment &&
      old.agreement.equals(agreement)
    if (!old || !mine) throw taken(installment)
    if (old.step === STEP.listed) {
      if (old.issue + 1 >= MAX_ISSUES) throw taken(installment)
      if (await this.#refuse(old)) {
        const listed = this.#listed(agreement, installment, old.issue + 1, old.msat)
        await this.#ledger.record({ ...old, step: STEP.refused }, listedDraft(agreement, listed, old.peer))
      }
      old = this.#ledger.byHash(hash)!
    }
    if (isSettled(old.step) && old.preimage) return { preimage: old.preimage }
    const current = this.#ledger.payment(agreement, installment)!
    // Refused without a later issue: the agreement is over. Credited: it was settled from a debt.
    if (current.issue <= old.issue || current.step === STEP.credited) throw taken(installment)
    const listed = this.#listed(agreement, installment, current.issue, current.msat)
    return { listed, invoice: await this.#issue(agreement, listed, expirySeconds) }
  }

  async wasReceived(agreement: Buffer, installment: number): Promise<boolean> {
    const payment = this.#ledger.payment(agreement, installment)
    if (payment?.role !== 'payee') return false
    if (isSettled(payment.step)) return true
    const state = await this.#wallet.invoice(payment.hash)
    if (state.status === 'settled') await this.receive(payment.hash, state.receivedMsat)
    return isSettled(this.#ledger.payment(agreement, installment)!.step)
  }

  /** Records an installment as settled for a reason in `NOT_BY_WALLET`; its invoice is refused from now on. */
  count(agreement: Buffer, installment: number, step: PaymentStep, text: string): Promise<Payment> {
    return this.#mutex.run(turnOf(agreement, installment), async () => {
      const payment = this.#ledger.payment(agreement, installment)!
      if (isSettled(payment.step)) return payment
      if (await this.#refuse(payment)) await this.#ledger.record({ ...payment, step, text })
      return this.#ledger.payment(agreement, installment)!
    })
  }

  /** An invoice that anybody can pay. */
  async issue(
    msat: Msat,
    description: string,
    expirySeconds: number
  ): Promise<{ invoice: string; hash: Buffer }> {
    const preimage = randomBytes(32)
    const hash = sha256(preimage)
    const draft = blank({ agreement: hash, kind: 'direct', installment: 0, issue: 0, peer: null, hash, msat })
    await this.#ledger.record({ ...draft, role: 'payee', step: STEP.listed, preimage })
    const label = intentId(draft)
    const request = { preimage, msat, description, expirySeconds, label, forAnyone: true }
    return { invoice: await this.#wallet.issue(request), hash }
  }

  /** Our invoice for the other side's debt; the same one until it is refused or paid. */
  refundInvoice(agreement: Buffer, msat: Msat, peer: Buffer | null, expirySeconds: number): Promise<string> {
    const work = (): Promise<string> => this.#refundInvoice(agreement, msat, peer, expirySeconds)
    return this.#mutex.run(turnOf(agreement, 'refund'), work)
  }

  async #refundInvoice(
    agreement: Buffer,
    msat: Msat,
    peer: Buffer | null,
    expirySeconds: number
  ): Promise<string> {
    let payment = this.#ledger.payment(agreement, 0, 'refund')
    if (payment && isSettled(payment.step)) {
      throw new BushelError('ALREADY_PAID', 'this debt was paid back already', 'nothing is left to do')
    }
    if (payment?.step !== STEP.listed || payment.msat !== msat) {
      if (payment?.step === STEP.listed && !(await this.#refuse(payment))) {
        return this.#refundInvoice(agreement, msat, peer, expirySeconds)
      }
      const issue = payment ? payment.issue + 1 : 0
      const hash = sha256(this.#preimage(agreement, 0, issue, 'refund'))
      const draft = blank({ agreement, kind: 'refund', installment: 0, issue, peer, hash, msat })
      const old: PaymentDraft[] = payment?.step === STEP.listed ? [{ ...payment, step: STEP.refused }] : []
      await this.#ledger.record(...old, { ...draft, role: 'payee', step: STEP.listed })
      payment = this.#ledger.byHash(hash)!
    }
    const preimage = this.#preimage(agreement, 0, payment.issue, 'refund')
    const description = refundDescription(agreement)
    return this.#wallet.issue({ preimage, msat, description, expirySeconds, label: intentId(payment) })
  }

  /** Refuses our refund invoice, so that another can be made; false when it was paid. */
  refuseRefund(agreement: Buffer): Promise<boolean> {
    return this.#mutex.run(turnOf(agreement, 'refund'), async () => {
      const payment = this.#ledger.payment(agreement, 0, 'refund')
      if (payment && isSettled(payment.step)) return false
      if (payment?.step !== STEP.listed) return true
      if (!(await this.#refuse(payment))) return false
      await this.#ledger.record({ ...payment, step: STEP.refused })
      return true
    })
  }

  /** Records that, by the wallet, a payment on this hash has settled. */
  receive(hash: Buffer, msat: Msat): Promise<void> {
    const key = hash.toString('hex')
    let receiving = this.#receiving.get(key)
    if (!receiving) {
      receiving = this.#receive(hash, msat).finally(() => this.#receiving.delete(key))
      this.#receiving.set(key, receiving)
    }
    return receiving
  }

  async #receive(hash: Buffer, msat: Msat): Promise<void> {
    const payment = this.#ledger.byHash(hash)
    if (payment?.role !== 'payee' || isSettled(payment.step)) return
    if (msat < payment.msat)
      throw new Error(`the wallet took ${msat} msat for an installment of ${payment.msat}`)
    // Nobody should have been able to pay a refused hash: it counts only when the wallet's record confirms it.
    if (payment.step === STEP.refused && (await this.#wallet.invoice(hash)).status !== 'settled')
      throw new Error(`the wallet reports a payment on the refused hash ${hash.toString('hex')}`)
    const preimage =
      payment.preimage ?? this.#preimage(payment.agreement, payment.installment, payment.issue, payment.kind)
    await this.#ledger.record({ ...payment, step: STEP.received, preimage })
    this.#options.onreceived(this.#ledger.byHash(hash)!)
  }

  async #issue(agreement: Buffer, listed: ListedInstallment, expirySeconds: number): Promise<string> {
    const { installment, issue, msat, hash } = listed
    const payment = this.#ledger.byHash(hash)!
    if (this.#isReplaced(payment)) return '' // another device of the payer has asked for a new one: a void shows it
    if (payment.step === STEP.refused) throw taken(installment)
    if (payment.step === STEP.credited) return '' // settled for the payer too: it needs no invoice
    return this.#wallet.issue({
      preimage: this.#preimage(agreement, installment, issue, 'installment'),
      msat,
      description: invoiceDescription(agreement, installment),
      expirySeconds,
      label: intentId({ agreement, kind: 'installment', installment, issue })
    })
  }

  /** Whether a refused hash has a later one in its place. */
  #isReplaced({ agreement, installment, issue, step }: Payment): boolean {
    return step === STEP.refused && this.#ledger.payment(agreement, installment)!.issue > issue
  }

  #listed(agreement: Buffer, installment: number, issue: number, msat: Msat): ListedInstallment {
    return {
      installment,
      issue,
      hash: sha256(this.#preimage(agreement, installment, issue, 'installment')),
      msat
    }
  }

  /** HMAC-SHA-256 of the secret over agreement, installment and issue: the same after a crash. */
  #preimage(agreement: Buffer, installment: number, issue: number, kind: PaymentKind): Buffer {
    const tail = Buffer.alloc(16)
    tail.writeBigUInt64LE(BigInt(installment), 0)
    tail.writeBigUInt64LE(BigInt(issue), 8)
    const hmac = createHmac('sha256', this.#options.secret).update(agreement).update(tail)
    return (kind === 'installment' ? hmac : hmac.update(kind)).digest()
  }
}

/** The description in a refund invoice. */
export function refundDescription(agreement: Buffer): string {
  return `bushel/1 ${agreement.toString('hex')} refund`
}

export function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}

/** A new payment, before its first step. */
export function blank(
  of: Pick<Payment, 'agreement' | 'kind' | 'installment' | 'issue' | 'peer' | 'hash' | 'msat'>
): Omit<PaymentDraft, 'role' | 'step'> {
  return { ...of, feeMsat: 0n, preimage: null, text: '' }
}

function listedDraft(agreement: Buffer, listed: ListedInstallment, peer: Buffer | null): PaymentDraft {
  const { installment, issue, hash, msat } = listed
  return {
    ...blank({ agreement, kind: 'installment', installment, issue, peer, hash, msat }),
    role: 'payee',
    step: STEP.listed
  }
}

function turnOf(agreement: Buffer, installment: number | 'refund'): string {
  return `${agreement.toString('hex')}/${installment}`
}

function taken(installment: number): BushelError {
  return new BushelError(
    'INSTALLMENT_REFUSED',
    `installment ${installment} can no longer be paid on that hash`,
    'it was refused or paid, or it has a new hash'
  )
}
