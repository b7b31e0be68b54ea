import { MONTH, SAT, billedBytes, ceilDiv } from '../../contracts/money/money.js'
import { DAY, MIB, TIB } from '../../contracts/money/quantity.js'
import { planInstallments } from '../../contracts/money/installments.js'
import type { TreeSize } from './tree.js'

/** The default installments of a provider: 5, 10, 20, 40, 40, ... sat. */
const INSTALLMENTS = { firstInstallmentMsat: 5n * SAT, maxInstallmentMsat: 40n * SAT, minChargeMsat: SAT }
/** The demo shows at least this many payments for each copy. */
export const LEAST_PAYMENTS = 6
export const TIME = 365 * DAY
export const COPIES = 2

/** The price for the default input. */
const USUAL_PRICE = 120n * SAT * 1024n
/** The charge to aim for, msat: at least LEAST_PAYMENTS installments, and not many more. */
const TARGET = 150n * SAT
const LEAST = 125n * SAT
const MOST = 220n * SAT

/** Bytes of a packed drive in addition to files and names: per file, per drive, and per block. Measured. */
const ENTRY_BYTES = 228
const DRIVE_BYTES = 62
const BLOCK_BYTES = 8

export interface Offer {
  /** msat per TiB and 30 days. */
  price: bigint
  /** Bytes. */
  space: number
}

/** The approximate size of a tree when it is packed and encrypted. */
export function packedSize({ files, bytes, pathBytes, blocks }: TreeSize): {
  byteLength: number
  length: number
} {
  const entries = pathBytes + ENTRY_BYTES * files + DRIVE_BYTES
  return { byteLength: bytes + BLOCK_BYTES * blocks + entries, length: blocks + files + 1 }
}

/**
 * Three offers, of which none has both the lowest price and the most space. A copy for 365 days takes at least
 * LEAST_PAYMENTS payments at any size of input: the price is 120 sat/GiB-month where the charge then is between LEAST and
 * MOST, and otherwise such that the charge is about TARGET.
 */
export function offersFor(tree: TreeSize): Offer[] {
  const packed = packedSize(tree)
  const billed = billedBytes([packed])
  const usual = chargeAt(USUAL_PRICE, billed)
  const price = usual >= LEAST && usual <= MOST ? USUAL_PRICE : roundUp(priceFor(TARGET, billed))
  const space = (times: number): number => {
    const mebibytes = BigInt(Math.max(Math.ceil((times * packed.byteLength) / MIB), times))
    return Number(twoDigits(mebibytes)) * MIB
  }
  return [
    { price, space: space(3) },
    { price: roundUp((price * 13n) / 12n), space: space(4) },
    { price: roundUp((price * 4n) / 3n), space: space(2) }
  ]
}

/** The number of payments for a copy at this price. */
export function paymentsAt(price: bigint, tree: TreeSize): number {
  const core = { key: Buffer.alloc(32), ...packedSize(tree) }
  return planInstallments({ cores: [core], price, time: TIME, ...INSTALLMENTS }).length
}

function chargeAt(price: bigint, billed: bigint): bigint {
  return ceilDiv(billed * BigInt(TIME) * price, BigInt(TIB) * MONTH)
}

function priceFor(charge: bigint, billed: bigint): bigint {
  return ceilDiv(charge * BigInt(TIB) * MONTH, billed * BigInt(TIME))
}

/** Rounds a price up to two significant digits per GiB, or per TiB where it is below 10 msat per GiB. */
function roundUp(price: bigint): bigint {
  const unit = price >= 1024n * 10n ? 1024n : 1n
  return twoDigits(ceilDiv(price, unit)) * unit
}

/** Rounds up to two significant digits. */
function twoDigits(value: bigint): bigint {
  const step = 10n ** BigInt(Math.max(value.toString().length - 2, 0))
  return ceilDiv(value, step) * step
}
