import { BushelError } from '../../../contracts/errors/error.js'
import { shortKey } from '../../../contracts/keys/key.js'
import type { Receipt } from '../../../contracts/evidence/receipt.js'
import type { WalletChoice } from '../../identity/config.js'
import { readingStore } from '../home-store.js'
import { Ledger } from '../../payment/ledger.js'
import { Leases, listedOf, stripOf } from '../../storage/lease/leases.js'
import { ledgerOf } from '../backend.js'

/** The receipt of a paid installment of a lease, bought or sold, from the disk alone; the last paid one by default. */
export async function readReceipt(
  home: { readonly dir: string; readonly wallet: WalletChoice | null },
  agreement: Buffer,
  installment?: number
): Promise<Receipt> {
  const wallet = ledgerOf(home.wallet)
  return readingStore(home.dir, store =>
    receiptOf(new Leases(store), new Ledger(store, wallet), agreement, installment)
  )
}

function receiptOf(leases: Leases, ledger: Ledger, agreement: Buffer, installment?: number): Receipt {
  const role = leases.get('buyer', agreement) ? 'buyer' : 'provider'
  const lease = leases.get(role, agreement)
  if (!lease)
    throw new BushelError(
      'LEASE_NOT_FOUND',
      `this node has no lease ${shortKey(agreement)}...`,
      'see the leases with: bushel leases'
    )
  const paid = ledger.payments(agreement).filter(payment => payment.preimage !== null)
  const payment = installment === undefined ? paid.at(-1) : paid.find(one => one.installment === installment)
  if (!payment) {
    throw new BushelError(
      'RECEIPT_NOT_FOUND',
      `no payment${installment === undefined ? '' : ` for installment ${installment}`} of this lease has a preimage here`,
      'see the payments with: bushel log'
    )
  }
  const again = leases.reissue(payment.hash)?.countersign
  const countersign = again ?? leases.strip(role, agreement, stripOf(payment.installment))
  if (!countersign || !listedOf(countersign.list, payment.installment))
    throw new BushelError('BAD_STORE', 'the signed list of installments is missing from the store')
  const { terms, signature } = lease
  return {
    terms,
    buyer: signature,
    countersign,
    installment: payment.installment,
    preimage: payment.preimage!
  }
}
