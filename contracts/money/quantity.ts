import { BushelError } from '../errors/error.js'

export const KIB = 1024
export const MIB = 1024 * KIB
export const GIB = 1024 * MIB
export const TIB = 1024 * GIB

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

const MAX_TEXT = 64
const SIZES: Record<string, number> = {
  b: 1,
  kib: KIB,
  mib: MIB,
  gib: GIB,
  tib: TIB,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12
}
const SIZE = /^\s*([0-9][0-9_]*(?:\.[0-9]+)?)\s*(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)\s*$/i
const TIMES: Record<string, number> = {
  ms: 1,
  s: 1000,
  min: MINUTE,
  h: HOUR,
  d: DAY,
  w: 7 * DAY,
  y: 365 * DAY
}
const TIME = /^\s*([0-9][0-9_]*(?:\.[0-9]+)?)\s*(ms|s|min|h|d|w|y)\s*$/i
const MAX_TIME = 100 * 365 * DAY

/** Multiplies a decimal number by `scale`; null when the product is not a whole number. */
export function parseDecimal(text: string, scale: bigint): bigint | null {
  const [whole = '0', fraction = ''] = text.replaceAll('_', '').split('.')
  const unit = 10n ** BigInt(fraction.length)
  const scaled = (BigInt(whole) * unit + BigInt(fraction || '0')) * scale
  return scaled % unit === 0n ? scaled / unit : null
}

function parseScaled(text: string, number: string, scale: number, what: 'size' | 'time'): number {
  const value = parseDecimal(number, BigInt(scale))
  if (value === null)
    throw new BushelError(
      'BAD_INPUT',
      `'${text}' is not a whole number of ${what === 'size' ? 'bytes' : 'milliseconds'}`
    )
  if (value <= 0n) throw new BushelError('BAD_INPUT', `'${text}' is zero`, `give a ${what} above zero`)
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new BushelError('BAD_INPUT', `'${text}' is too large`, 'give less')
  return Number(value)
}

/** Parses a size such as `"500GiB"` or `"1.5 TB"` to bytes. Throws BAD_INPUT. */
export function parseSize(text: string): number {
  const match = text.length <= MAX_TEXT ? SIZE.exec(text) : null
  if (!match)
    throw new BushelError('BAD_INPUT', `'${text}' is not a size`, 'write it as 500GiB, 20 MiB or 1TB')
  return parseScaled(text, match[1]!, SIZES[match[2]!.toLowerCase()]!, 'size')
}

export function formatSize(bytes: number): string {
  for (const [unit, size] of [
    ['TiB', TIB],
    ['GiB', GIB],
    ['MiB', MIB],
    ['KiB', KIB]
  ] as const) {
    if (bytes < size) continue
    const value = bytes / size
    return `${Number(value.toFixed(value < 10 ? 2 : 1))} ${unit}`
  }
  return `${bytes} B`
}

/**
 * Parses a time such as `"90s"`, `"10min"`, `"12h"`, `"30d"`, `"4w"` or `"1y"` to ms. A day has 24 hours, a year 365 days.
 * Throws BAD_INPUT, also above a hundred years.
 */
export function parseTime(text: string): number {
  const match = text.length <= MAX_TEXT ? TIME.exec(text) : null
  if (!match)
    throw new BushelError(
      'BAD_INPUT',
      `'${text}' is not a time`,
      'write it as 90s, 10min, 12h, 30d, 4w or 1y'
    )
  const time = parseScaled(text, match[1]!, TIMES[match[2]!.toLowerCase()]!, 'time')
  if (time > MAX_TIME) throw new BushelError('BAD_INPUT', `'${text}' is more than a hundred years`)
  return time
}

/** Formats ms as a time that `parseTime` reads, rounded to a tenth of its unit. */
export function formatTime(ms: number): string {
  if (ms >= DAY) return `${Number((ms / DAY).toFixed(1))}d`
  if (ms >= HOUR) return `${Number((ms / HOUR).toFixed(1))}h`
  if (ms >= MINUTE) return `${Math.round(ms / MINUTE)}min`
  return `${Math.round(ms / 1000)}s`
}
