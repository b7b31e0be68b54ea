import { BushelError } from '../errors/error.js'
import { DAY, TIB, parseDecimal } from './quantity.js'

/** Money is integer millisatoshi. */
export type Msat = bigint

export const SAT: Msat = 1000n
export const MONTH = 30n * BigInt(DAY)
/** What a block costs beside its bytes: its share of the Merkle tree and the index. */
export const BLOCK_OVERHEAD = 128

/** More than all there will ever be: an amount above it is a mistake or a lie. */
export const MAX_MSAT: Msat = 21_000_000n * 100_000_000n * 1000n

const MAX_TEXT = 64
/** Groups of three may stand apart, as formatAmount writes them. */
const AMOUNT = /^\s*((?:[0-9]{1,3}(?: [0-9]{3})+|[0-9][0-9_]*)(?:\.[0-9]+)?)\s*(msat|msats|sat|sats)\s*$/i

/** `"1000 sat"`, `"2.5 sat"`, `"1500 msat"` to msat. What cannot be kept exactly is refused. */
export function parseAmount(text: string): Msat {
  const match = text.length <= MAX_TEXT ? AMOUNT.exec(text) : null
  if (!match)
    throw new BushelError('BAD_INPUT', `'${text}' is not an amount`, `write it as "1000 sat" or "2500 msat"`)
  const scale = match[2]!.toLowerCase().startsWith('m') ? 1n : SAT
  const msat = parseDecimal(match[1]!.replaceAll(' ', ''), scale)
  if (msat === null)
    throw new BushelError('BAD_INPUT', `'${text}' has parts of a millisatoshi`, 'use whole msat')
  if (msat > MAX_MSAT) throw new BushelError('BAD_INPUT', `'${text}' is more than there is`)
  return msat
}

/** `12345n` to `"12.345 sat"`. */
export function formatAmount(msat: Msat): string {
  const sign = msat < 0n ? '-' : ''
  const value = msat < 0n ? -msat : msat
  const rest = (value % SAT).toString().padStart(3, '0').replace(/0+$/, '')
  const whole = (value / SAT).toString().replace(/\B(?=(\d{3})+(?!\d))/g, ' ')
  return `${sign}${whole}${rest ? '.' + rest : ''} sat`
}

const PRICE = /^\s*(.+?)\s*\/\s*(MiB|GiB|TiB)-(month|day)\s*$/i
const PER_TIB: Record<string, bigint> = { mib: 1024n * 1024n, gib: 1024n, tib: 1n }

/** A price of storage, written `"25 sat/GiB-month"`, kept in msat per TiB and 30 days. */
export function parsePrice(text: string): Msat {
  const match = text.length <= MAX_TEXT ? PRICE.exec(text) : null
  if (!match) throw new BushelError('BAD_INPUT', `'${text}' is not a price`, 'write it as "25 sat/GiB-month"')
  const amount = parseAmount(match[1]!)
  const price = amount * PER_TIB[match[2]!.toLowerCase()]! * (match[3]!.toLowerCase() === 'day' ? 30n : 1n)
  if (price === 0n)
    throw new BushelError(
      'BAD_INPUT',
      `'${text}' is a price of nothing`,
      'the lowest price is 1 msat/TiB-month'
    )
  if (price > MAX_MSAT) throw new BushelError('BAD_INPUT', `'${text}' is more than there is`)
  return price
}

/** msat per TiB and 30 days to `"25 sat/GiB-month"`, in the largest unit that keeps it exact. */
export function formatPrice(price: Msat): string {
  if (price % 1024n === 0n) return `${formatAmount(price / 1024n)}/GiB-month`
  return `${formatAmount(price)}/TiB-month`
}

/** What is billed: the bytes plus 128 a block. */
export function billedBytes(cores: readonly { length: number; byteLength: number }[]): bigint {
  return cores.reduce(
    (sum, core) => sum + BigInt(core.byteLength) + BigInt(core.length) * BigInt(BLOCK_OVERHEAD),
    0n
  )
}

/** The whole price of keeping `bytes` (billed) for `time` ms, rounded up to an msat, and at least the minimum charge. */
export function totalCharge(terms: { bytes: bigint; time: number; price: Msat; minChargeMsat: Msat }): Msat {
  const exact = terms.bytes * BigInt(terms.time) * terms.price
  const total = ceilDiv(exact, BigInt(TIB) * MONTH)
  return total < terms.minChargeMsat ? terms.minChargeMsat : total
}

export function ceilDiv(a: bigint, b: bigint): bigint {
  return (a + b - 1n) / b
}

/** The largest of some amounts. */
export function most(...amounts: [bigint, ...bigint[]]): bigint {
  return amounts.reduce((a, b) => (a > b ? a : b))
}

/** The smallest of some amounts. */
export function least(...amounts: [bigint, ...bigint[]]): bigint {
  return amounts.reduce((a, b) => (a < b ? a : b))
}
