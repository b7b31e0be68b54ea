import { createHash } from 'node:crypto'
import type { Countersign, Terms } from '#spec'
import { decode, encode } from '../schema/codec.js'
import { BushelError } from '../errors/error.js'
import { objectOf } from '../json-object.js'
import { formatKey } from '../keys/key.js'
import { planInstallments } from '../money/installments.js'
import { verify } from '../keys/signature.js'
import { agreementId } from '../terms.js'

/** Proof of a paid installment: the preimage, bound to agreement, installment and amount by the signatures of both sides. */
export interface Receipt {
  terms: Terms
  /** The buyer's, over the terms. */
  buyer: Buffer
  /** The provider's list of installments that holds the hash, with its signature. */
  countersign: Countersign
  installment: number
  preimage: Buffer
}

export interface ReceiptVerdict {
  ok: boolean
  agreement: string
  installment: number
  msat: string
  /** Devices, in z32. */
  buyer: string
  provider: string
  /** What does not hold, a line each. */
  faults: string[]
}

export const MAX_RECEIPT_BYTES = 256 << 10
const FORMAT = 'bushel-receipt/1'

export function formatReceipt({ terms, buyer, countersign, installment, preimage }: Receipt): string {
  const plain = {
    format: FORMAT,
    agreement: formatKey(agreementId(terms)),
    installment,
    preimage: preimage.toString('hex'),
    terms: encode('terms', terms).toString('base64'),
    buyer: buyer.toString('hex'),
    countersign: encode('countersign', countersign).toString('base64')
  }
  return JSON.stringify(plain, null, 2) + '\n'
}

/** Throws BAD_RECEIPT on what is no receipt at all; whether one holds is for `verifyReceipt` to say. */
export function parseReceipt(text: string): Receipt & { agreement: string } {
  try {
    if (Buffer.byteLength(text) > MAX_RECEIPT_BYTES) throw new RangeError('it is too large')
    const plain = objectOf(text)
    if (plain['format'] !== FORMAT) throw new Error(`it is not of the format ${FORMAT}`)
    const { agreement, installment } = plain
    if (typeof agreement !== 'string') throw new Error('it names no agreement')
    if (!Number.isSafeInteger(installment) || (installment as number) < 0)
      throw new Error('it names no installment')
    return {
      agreement,
      installment: installment as number,
      preimage: hexOf(plain, 'preimage', 32),
      terms: decode('terms', base64Of(plain, 'terms')),
      buyer: hexOf(plain, 'buyer', 64),
      countersign: decode('countersign', base64Of(plain, 'countersign'))
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new BushelError(
      'BAD_RECEIPT',
      `this is no receipt: ${why}`,
      'give a file that `bushel receipt export` has written'
    ).withCause(error)
  }
}

/** Needs nothing but the receipt: no node, no network, no clock. */
export function verifyReceipt(receipt: Receipt & { agreement?: string }): ReceiptVerdict {
  const { terms, buyer, countersign, installment, preimage } = receipt
  const faults: string[] = []
  const id = agreementId(terms)
  const agreement = formatKey(id)
  if (receipt.agreement !== undefined && receipt.agreement !== agreement)
    faults.push('its terms are of another agreement')
  if (!verify('terms', terms, buyer, terms.buyer.device)) faults.push('the buyer did not sign these terms')
  const { list, signature } = countersign
  if (!verify('installment-list', list, signature, terms.provider.device))
    faults.push('the provider did not sign this list of payments')
  if (!list.agreement.equals(id)) faults.push('the list of payments is for another agreement')
  const listed = list.installments.find(one => one.installment === installment)
  const due = planInstallments(terms)[installment]
  if (!listed) faults.push(`the list of payments has no installment ${installment}`)
  if (!due) faults.push(`the agreement has no installment ${installment}`)
  if (listed && due && listed.msat !== due.msat)
    faults.push(
      `installment ${installment} is listed with ${listed.msat} msat, and agreed with ${due.msat} msat`
    )
  if (listed && !createHash('sha256').update(preimage).digest().equals(listed.hash))
    faults.push('the preimage does not fit the hash that was listed')
  return {
    ok: faults.length === 0,
    agreement,
    installment,
    msat: (listed?.msat ?? 0n).toString(),
    buyer: formatKey(terms.buyer.device),
    provider: formatKey(terms.provider.device),
    faults
  }
}

function hexOf(plain: Record<string, unknown>, name: string, bytes: number): Buffer {
  const value = plain[name]
  if (typeof value !== 'string' || !new RegExp(`^[0-9a-f]{${bytes * 2}}$`).test(value))
    throw new Error(`its ${name} is not ${bytes} bytes of hex`)
  return Buffer.from(value, 'hex')
}

function base64Of(plain: Record<string, unknown>, name: string): Buffer {
  const value = plain[name]
  if (typeof value !== 'string') throw new Error(`it has no ${name}`)
  return Buffer.from(value, 'base64')
}
