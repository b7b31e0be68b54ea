import type { ListedInstallment } from '#spec'
import type { Msat } from '../../contracts/money/money.js'
import type { Ledger, PaymentDraft } from './ledger.js'
import { isSettled } from './ledger.js'
import { blank } from './payee.js'
import { NOT_BY_WALLET } from './payment.js'
import { STEP } from './payment-state.js'

export interface TakenOver {
  agreement: Buffer
  paidMsat: Msat
  /** Installments of the agreement's signed list that our ledger lacks. */
  installments: readonly ListedInstallment[]
  role: 'payer' | 'payee'
  peer: Buffer | null
}

/** Counts installments up to `paidMsat` as paid, or received, without a preimage. */
export async function takeOver(
  {
    ledger,
    received
  }: {
    ledger: Ledger
    /** Records a known installment as received. */
    received(installment: number, text: string): Promise<unknown>
  },
  { agreement, paidMsat, installments, role, peer }: TakenOver
): Promise<void> {
  const byNumber = new Map(installments.map(listed => [listed.installment, listed]))
  const text = NOT_BY_WALLET.takenOver
  const drafts: PaymentDraft[] = []
  let left = paidMsat
  for (let installment = 0; left > 0n; installment++) {
    const known = ledger.payment(agreement, installment)
    const listed = known ?? byNumber.get(installment)
    if (!listed || listed.msat > left) break
    left -= listed.msat
    if (known && isSettled(known.step)) continue
    const { hash, msat, issue } = listed
    const draft = known ?? {
      ...blank({ agreement, kind: 'installment', installment, issue, peer, hash, msat }),
      role
    }
    if (draft.role === 'payer') drafts.push({ ...draft, step: STEP.paid, text })
    else if (known) await received(installment, text)
    else drafts.push({ ...draft, step: STEP.received, text })
  }
  await ledger.record(...drafts)
}
