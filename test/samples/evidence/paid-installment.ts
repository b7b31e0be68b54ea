import { createHash } from 'node:crypto'
import type { Countersign, InstallmentList, Terms } from '#spec'
import type { Receipt } from '../../../contracts/evidence/receipt.js'
import { planInstallments } from '../../../contracts/money/installments.js'
import { sign } from '../../../contracts/keys/signature.js'
import { agreementId } from '../../../contracts/terms.js'
import type { Person } from '../people.js'
import { leaseTerms, partiesOf } from './parties.js'

const NOW = 1_800_000_000_000

export interface PaidInstallment {
  terms: Terms
  list: InstallmentList
  receipt: Receipt
}

/** An agreement between two people, its first installments listed, and the receipt of the paid one. */
export function paidInstallment(
  buyer: Person,
  provider: Person,
  given: Partial<Terms> = {},
  installment = 1
): PaidInstallment {
  const terms = leaseTerms({ ...partiesOf(buyer, provider), countersignBy: NOW, ...given })
  const installments = planInstallments(terms).map(({ number, msat }) => {
    return { installment: number, issue: 0, hash: sha256(preimageOf(number)), msat }
  })
  const list = { agreement: agreementId(terms), installments }
  const countersign: Countersign = { list, signature: sign('installment-list', list, provider.device) }
  const signature = sign('terms', terms, buyer.device)
  return {
    terms,
    list,
    receipt: { terms, buyer: signature, countersign, installment, preimage: preimageOf(installment) }
  }
}

export function preimageOf(installment: number): Buffer {
  return sha256(Buffer.from(`preimage ${installment}`))
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}
