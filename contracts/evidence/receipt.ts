import { createHash } from 'node:crypto'
import type { Countersign, Terms } from '#spec'
import { decode, encode } from '../schema/codec.js'
import { BushelError } from '../errors/error.js'
import { objectOf } from '../json-object.js'
import { formatKey } from '../keys/key.js'
import { schedule } from '../money/schedule.js'
import { verify } from '../keys/signature.js'
import { agreementId } from '../terms.js'

/** Proof of a paid slice: the preimage, bound to agreement, epoch and amount by the signatures of both sides. */
export interface Receipt {
  terms: Terms
  /** The buyer's, over the terms. */
  buyer: Buffer
  /** The provider's list of slices that holds the hash, with its signature. */
  countersign: Countersign
  epoch: number
  preimage: Buffer
}

export interface Verdict {
  ok: boolean
  agreement: string
  epoch: number
  msat: string
  /** Devices, in z32. */
  buyer: string
  provider: string
  /** What does not hold, a line each. */
  faults: string[]
}

export const MAX_RECEIPT_BYTES = 256 << 10
const FORMAT = 'bushel-receipt/1'

export function formatReceipt({ terms, buyer, countersign, epoch, preimage }: Receipt): string {
  const plain = {
    format: FORMAT,
    agreement: formatKey(agreementId(terms)),
    epoch,
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
    const { agreement, epoch } = plain
    if (typeof agreement !== 'string') throw new Error('it names no agreement')
    if (!Number.isSafeInteger(epoch) || (epoch as number) < 0) throw new Error('it names no epoch')
    return {
      agreement,
      epoch: epoch as number,
      preimage: hexOf(plain, 'preimage', 32),
      terms: decode('terms', base64Of(plain, 'terms')),
      buyer: hexOf(plain, 'buyer', 64),
      countersign: decode('countersign', base64Of(plain, 'countersign'))
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw BushelError.badInput(
      `this is no receipt: ${why}`,
      'give a file that `bushel receipt export` has written',
      'BAD_RECEIPT'
    ).withCause(error)
  }
}

/** Needs nothing but the receipt: no node, no network, no clock. */
export function verifyReceipt(receipt: Receipt & { agreement?: string }): Verdict {
  const { terms, buyer, countersign, epoch, preimage } = receipt
  const faults: string[] = []
  const id = agreementId(terms)
  const agreement = formatKey(id)
  if (receipt.agreement !== undefined && receipt.agreement !== agreement)
    faults.push('its terms are of another agreement')
  if (!verify('terms', terms, buyer, terms.buyer.device)) faults.push('the buyer did not sign these terms')
  const { list, signature } = countersign
  if (!verify('slice-list', list, signature, terms.provider.device))
    faults.push('the provider did not sign this list of payments')
  if (!list.agreement.equals(id)) faults.push('the list of payments is for another agreement')
  const slice = list.slices.find(one => one.epoch === epoch)
  const due = schedule(terms)[epoch]
  if (!slice) faults.push(`the list of payments has no epoch ${epoch}`)
  if (!due) faults.push(`the agreement has no epoch ${epoch}`)
  if (slice && due && slice.msat !== due.msat)
    faults.push(`epoch ${epoch} is listed with ${slice.msat} msat, and agreed with ${due.msat} msat`)
  if (slice && !createHash('sha256').update(preimage).digest().equals(slice.hash))
    faults.push('the preimage does not fit the hash that was listed')
  return {
    ok: faults.length === 0,
    agreement,
    epoch,
    msat: (slice?.msat ?? 0n).toString(),
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
