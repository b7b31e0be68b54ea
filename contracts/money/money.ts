import { BushelError } from '../errors/error.js'
import { DAY, TIB, parseDecimal } from './quantity.js'

/** Money is integer millisatoshi. */
export type Msat = bigint

export const SAT: Msat = 1000n
/**
 * The least payment that is ever asked for, msat. Many channels carry nothing below it, and a payer whose wallet tries all
 * the same loses those channels for an hour. A smaller rest joins the payment before it.
 */
export const LEAST_PAYMENT: Msat = 1n * SAT
/** The largest minimum that a payee may state, msat: a stranger is paid no more than this because of it. */
export const MAX_LEAST_PAYMENT: Msat = 1000n * SAT
export const MONTH = 30n * BigInt(DAY)
/** Bytes that are billed for each block in addition to its data: its share of the Merkle tree and the index. */
export const BLOCK_OVERHEAD = 128

/** All the bitcoin there can be, msat. A larger amount is a mistake or a lie. */
export const MAX_MSAT: Msat = 21_000_000n * 100_000_000n * 1000n

const MAX_TEXT = 64
/** Accepts spaces between groups of three digits, as formatAmount writes them. */
const AMOUNT = /^\s*((?:[0-9]{1,3}(?: [0-9]{3})+|[0-9][0-9_]*)(?:\.[0-9]+)?)\s*(msat|msats|sat|sats)\s*$/i

/** Parses `"1000 sat"`, `"2.5 sat"` or `"1500 msat"` to msat. Throws BAD_INPUT, also for fractions of a msat. */
export function parseAmount(text: string): Msat {
  const match = text.length <= MAX_TEXT ? AMOUNT.exec(text) : null
  if (!match)
    throw new BushelError('BAD_INPUT', `'${text}' is not an amount`, `write it as "1000 sat" or "2500 msat"`)
  const scale = match[2]!.toLowerCase().startsWith('m') ? 1n : SAT
  const msat = parseDecimal(match[1]!.replaceAll(' ', ''), scale)
  if (msat === null)
    throw new BushelError(
      'BAD_INPUT',
      `'${text}' is not a whole number of msat`,
      'give a whole number of msat'
    )
  if (msat > MAX_MSAT)
    throw new BushelError('BAD_INPUT', `'${text}' is more than all the bitcoin there can be`, 'give less')
  return msat
}

/** Formats msat: `12345n` is `"12.345 sat"`. */
export function formatAmount(msat: Msat): string {
  const sign = msat < 0n ? '-' : ''
  const value = msat < 0n ? -msat : msat
  const rest = (value % SAT).toString().padStart(3, '0').replace(/0+$/, '')
  const whole = (value / SAT).toString().replace(/\B(?=(\d{3})+(?!\d))/g, ' ')
  return `${sign}${whole}${rest ? '.' + rest : ''} sat`
}

const PRICE = /^\s*(.+?)\s*\/\s*(MiB|GiB|TiB)-(month|day)\s*$/i
const PER_TIB: Record<string, bigint> = { mib: 1024n * 1024n, gib: 1024n, tib: 1n }

/** Parses a storage price such as `"25 sat/GiB-month"` to msat per TiB and 30 days. Throws BAD_INPUT. */
export function parsePrice(text: string): Msat {
  const match = text.length <= MAX_TEXT ? PRICE.exec(text) : null
  if (!match)
    throw new BushelError('BAD_INPUT', `'${text}' is not a storage price`, 'write it as "25 sat/GiB-month"')
  const amount = parseAmount(match[1]!)
  const price = amount * PER_TIB[match[2]!.toLowerCase()]! * (match[3]!.toLowerCase() === 'day' ? 30n : 1n)
  return demandPrice(price, text, '1 msat/TiB-month')
}

/** The price that `text` names, unless it is zero or more than all bitcoin: BAD_INPUT. `lowest` is told as the least. */
export function demandPrice(price: Msat, text: string, lowest: string): Msat {
  if (price === 0n)
    throw new BushelError('BAD_INPUT', `'${text}' is a price of zero`, `the lowest price is ${lowest}`)
  if (price > MAX_MSAT)
    throw new BushelError('BAD_INPUT', `'${text}' is more than all the bitcoin there can be`, 'give less')
  return price
}

/** Formats msat per TiB and 30 days as `"25 sat/GiB-month"`, or per TiB where GiB would not be exact. */
export function formatPrice(price: Msat): string {
  if (price % 1024n === 0n) return `${formatAmount(price / 1024n)}/GiB-month`
  return `${formatAmount(price)}/TiB-month`
}

/** The bytes that are billed for cores: their data plus BLOCK_OVERHEAD for each block. */
export function billedBytes(cores: readonly { length: number; byteLength: number }[]): bigint {
  return cores.reduce(
    (sum, core) => sum + BigInt(core.byteLength) + BigInt(core.length) * BigInt(BLOCK_OVERHEAD),
    0n
  )
}

/** The least payment of an agreement, msat: what its payee states, and never below LEAST_PAYMENT. */
export function leastPaymentOf({ leastMsat }: { leastMsat?: Msat | null }): Msat {
  return leastMsat && leastMsat > LEAST_PAYMENT ? leastMsat : LEAST_PAYMENT
}

/** Why a payee's stated least payment is not accepted; null when it is, or when none is stated. */
export function faultOfLeast({ leastMsat }: { leastMsat?: Msat | null }): string | null {
  if (!leastMsat) return null // the codec reads an absent one as 0
  return leastMsat < LEAST_PAYMENT || leastMsat > MAX_LEAST_PAYMENT
    ? 'its least payment is out of bounds'
    : null
}

/**
 * The charge for storing `bytes` (as billed) for `time` ms, rounded up to 1 msat: at least the minimum charge, and at least
 * one payment.
 */
export function totalCharge(terms: {
  bytes: bigint
  time: number
  price: Msat
  minChargeMsat: Msat
  leastMsat?: Msat | null
}): Msat {
  const exact = terms.bytes * BigInt(terms.time) * terms.price
  return most(ceilDiv(exact, BigInt(TIB) * MONTH), terms.minChargeMsat, leastPaymentOf(terms))
}

export function ceilDiv(a: bigint, b: bigint): bigint {
  return (a + b - 1n) / b
}

/** The largest of the given amounts. */
export function most(...amounts: [bigint, ...bigint[]]): bigint {
  return amounts.reduce((a, b) => (a > b ? a : b))
}

/** The smallest of the given amounts. */
export function least(...amounts: [bigint, ...bigint[]]): bigint {
  return amounts.reduce((a, b) => (a < b ? a : b))
}
