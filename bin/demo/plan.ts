import { MONTH, SAT, billedBytes, ceilDiv } from '../../contracts/money/money.js'
import { DAY, MIB, TIB } from '../../contracts/money/quantity.js'
import { planInstallments } from '../../contracts/money/installments.js'
import type { TreeSize } from './tree.js'

/** What the provider's usual policy makes of a charge: installments of 5, 10, 20, 40, 40, ... sat. */
const SLICES = { firstInstallmentMsat: 5n * SAT, maxInstallmentMsat: 40n * SAT, minChargeMsat: SAT }
export const LEAST_PAYMENTS = 6
export const TIME = 365 * DAY
export const COPIES = 2

/** The price for the demo's own input. */
const USUAL_PRICE = 120n * SAT * 1024n
/** What a copy should cost, msat: at least six installments, and not many more. */
const TARGET = 150n * SAT
const LEAST = 125n * SAT
const MOST = 220n * SAT

/** What a packed drive takes beside its files and their names, for each of them and in all; measured. */
const ENTRY_BYTES = 228
const DRIVE_BYTES = 62
const BLOCK_BYTES = 8

export interface Offer {
  /** msat per TiB and 30 days. */
  price: bigint
  /** Bytes. */
  space: number
}

/** About what a tree comes to when it is packed and encrypted. */
export function packedSize({ files, bytes, pathBytes, blocks }: TreeSize): {
  byteLength: number
  length: number
} {
  const entries = pathBytes + ENTRY_BYTES * files + DRIVE_BYTES
  return { byteLength: bytes + BLOCK_BYTES * blocks + entries, length: blocks + files + 1 }
}

/**
 * Three offers, none first in both price and size, at which a copy for 365 days takes at least six payments, whatever
 * the size of the input: 120 sat/GiB-month where that comes to it, else the price at which a copy costs about 150 sat.
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

/** How many payments a copy at this price will take. */
export function paymentsAt(price: bigint, tree: TreeSize): number {
  const core = { key: Buffer.alloc(32), ...packedSize(tree) }
  return planInstallments({ cores: [core], price, time: TIME, ...SLICES }).length
}

function chargeAt(price: bigint, billed: bigint): bigint {
  return ceilDiv(billed * BigInt(TIME) * price, BigInt(TIB) * MONTH)
}

function priceFor(charge: bigint, billed: bigint): bigint {
  return ceilDiv(charge * BigInt(TIB) * MONTH, billed * BigInt(TIME))
}

/** To whole msat a GiB (a TiB, where it is less) of two digits, so that it can be read. */
function roundUp(price: bigint): bigint {
  const unit = price >= 1024n * 10n ? 1024n : 1n
  return twoDigits(ceilDiv(price, unit)) * unit
}

/** The next number of which only two digits are not zero. */
function twoDigits(value: bigint): bigint {
  const step = 10n ** BigInt(Math.max(value.toString().length - 2, 0))
  return ceilDiv(value, step) * step
}
