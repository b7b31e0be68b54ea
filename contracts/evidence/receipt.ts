import { createHash } from 'node:crypto'
import type { Countersign, Terms } from '#spec'
import { decode, encode } from '../schema/codec.js'
import { BushelError } from '../errors/error.js'
import { objectOf } from '../json-object.js'
import { formatKey } from '../keys/key.js'
import { planInstallments } from '../money/installments.js'
import { verify } from '../keys/signature.js'
import { agreementId } from '../terms.js'

/** Proof of a paid installment: its preimage, and the signatures of both sides over agreement, amount and hash. */
export interface Receipt {
  terms: Terms
  /** The buyer's signature over the terms. */
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
  /** One line for each reason why the receipt is invalid. */
  faults: string[]
}

export const MAX_RECEIPT_BYTES = 256 << 10
const FORMAT = 'bushel-receipt/1'

/** The text of a receipt file. */
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

/** Parses a receipt file. Throws BAD_RECEIPT when it is malformed; `verifyReceipt` checks whether it is valid. */
export function parseReceipt(text: string): Receipt & { agreement: string } {
  try {
    if (Buffer.byteLength(text) > MAX_RECEIPT_BYTES)
      throw new RangeError(`it is larger than ${MAX_RECEIPT_BYTES} bytes`)
    const plain = objectOf(text)
    if (plain['format'] !== FORMAT) throw new Error(`its format is not ${FORMAT}`)
    const { agreement, installment } = plain
    if (typeof agreement !== 'string') throw new Error("its field 'agreement' is missing")
    if (!Number.isSafeInteger(installment) || (installment as number) < 0)
      throw new Error("its field 'installment' is not a whole number")
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
      `this file is not a receipt: ${why}`,
      'give a file that `bushel receipt export` wrote'
    ).withCause(error)
  }
}

/** Verifies a receipt offline: without a node, a network or a clock. */
export function verifyReceipt(receipt: Receipt & { agreement?: string }): ReceiptVerdict {
  const { terms, buyer, countersign, installment, preimage } = receipt
  const faults: string[] = []
  const id = agreementId(terms)
  const agreement = formatKey(id)
  if (receipt.agreement !== undefined && receipt.agreement !== agreement)
    faults.push('its terms are those of another agreement')
  if (!verify('terms', terms, buyer, terms.buyer.device)) faults.push('the buyer did not sign these terms')
  const { list, signature } = countersign
  if (!verify('installment-list', list, signature, terms.provider.device))
    faults.push('the provider did not sign this list of installments')
  if (!list.agreement.equals(id)) faults.push('the list of installments is for another agreement')
  const listed = list.installments.find(one => one.installment === installment)
  const due = planInstallments(terms)[installment]
  if (!listed) faults.push(`the list has no installment ${installment}`)
  if (!due) faults.push(`the agreement has no installment ${installment}`)
  if (listed && due && listed.msat !== due.msat)
    faults.push(
      `installment ${installment} is ${listed.msat} msat in the list and ${due.msat} msat in the terms`
    )
  if (listed && !createHash('sha256').update(preimage).digest().equals(listed.hash))
    faults.push('the preimage does not match the hash in the list')
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
    throw new Error(`its field '${name}' is not ${bytes} bytes in hex`)
  return Buffer.from(value, 'hex')
}

function base64Of(plain: Record<string, unknown>, name: string): Buffer {
  const value = plain[name]
  if (typeof value !== 'string') throw new Error(`its field '${name}' is missing`)
  return Buffer.from(value, 'base64')
}
