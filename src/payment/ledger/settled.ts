import type { SettledSum } from '#spec'
import type { Transaction } from '../../store/transaction.js'
import { byWallet } from '../payment.js'
import type { Payment, PaymentRole } from '../payment.js'
import { settledTable } from './tables.js'

export type { SettledSum } from '#spec'

/** As the wallet's records say it. */
export type Direction = 'sent' | 'received'

export const DIRECTIONS: readonly Direction[] = ['sent', 'received']

const HASH = 32
const MODULUS = 1n << BigInt(8 * HASH)

export function directionOf(role: PaymentRole): Direction {
  return role === 'payer' ? 'sent' : 'received'
}

export function nothingSettled(): SettledSum {
  return { payments: 0, msat: 0n, feesMsat: 0n, hashes: Buffer.alloc(HASH) }
}

/** Adds a payment to a sum (sign 1) or subtracts it (-1). */
export function addSettled(
  { payments, msat, feesMsat, hashes }: SettledSum,
  payment: Payment,
  sign: 1n | -1n = 1n
): SettledSum {
  return {
    payments: payments + Number(sign),
    msat: msat + sign * payment.msat,
    feesMsat: feesMsat + sign * payment.feeMsat,
    hashes: bytesOf((numberOf(hashes) + sign * numberOf(payment.hash) + MODULUS) % MODULUS)
  }
}

/** True when two sums are of the same payments: a payment that is in one twice does not stand for a missing one. */
export function areSamePayments(one: SettledSum, other: SettledSum): boolean {
  return one.payments === other.payments && one.hashes.equals(other.hashes)
}

/** Takes in a step that changes whether, or with which fee, the wallet must have settled a payment. */
export function settle(
  transaction: Transaction,
  wallet: string,
  before: Payment | null,
  payment: Payment
): void {
  const had = before && byWallet(before) ? before : null
  const has = byWallet(payment) ? payment : null
  if (had?.feeMsat === has?.feeMsat) return
  transaction.update(settledTable, [wallet, directionOf(payment.role)], known => {
    let sum = known ?? nothingSettled()
    if (had) sum = addSettled(sum, had, -1n)
    if (has) sum = addSettled(sum, has)
    return sum.payments > 0 ? sum : null
  })
}

function numberOf(hash: Buffer): bigint {
  return BigInt(`0x${hash.toString('hex')}`)
}

function bytesOf(number: bigint): Buffer {
  return Buffer.from(number.toString(16).padStart(2 * HASH, '0'), 'hex')
}
