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
const TIME = /^\s*([0-9][0-9_]*(?:\.[0-9]+)?)\s*(h|d)\s*$/i

/** A decimal number times `scale`, or null when that is not whole. */
export function parseDecimal(text: string, scale: bigint): bigint | null {
  const [whole = '0', fraction = ''] = text.replaceAll('_', '').split('.')
  const unit = 10n ** BigInt(fraction.length)
  const scaled = (BigInt(whole) * unit + BigInt(fraction || '0')) * scale
  return scaled % unit === 0n ? scaled / unit : null
}

function parseScaled(text: string, number: string, scale: number, what: string): number {
  const value = parseDecimal(number, BigInt(scale))
  if (value === null) throw new BushelError('BAD_INPUT', `'${text}' is not a whole ${what}`)
  if (value <= 0n) throw new BushelError('BAD_INPUT', `'${text}' is nothing`, `give a ${what} above zero`)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new BushelError('BAD_INPUT', `'${text}' is too large`)
  return Number(value)
}

/** `"500GiB"`, `"1.5 TB"` to bytes. */
export function parseSize(text: string): number {
  const match = text.length <= MAX_TEXT ? SIZE.exec(text) : null
  if (!match)
    throw new BushelError('BAD_INPUT', `'${text}' is not a size`, 'write it as 500GiB, 20 MiB or 1TB')
  return parseScaled(text, match[1]!, SIZES[match[2]!.toLowerCase()]!, 'number of bytes')
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

/** `"1h"`, `"30d"` to ms; a day is 24 hours. */
export function parseTime(text: string): number {
  const match = text.length <= MAX_TEXT ? TIME.exec(text) : null
  if (!match) throw new BushelError('BAD_INPUT', `'${text}' is not a time`, 'write it as 12h or 30d')
  const time = parseScaled(text, match[1]!, match[2]!.toLowerCase() === 'h' ? HOUR : DAY, 'time')
  if (time > 100 * 365 * DAY) throw new BushelError('BAD_INPUT', `'${text}' is more than a hundred years`)
  return time
}

const DURATION = /^\s*([0-9][0-9_]*(?:\.[0-9]+)?)\s*(ms|s|min|h)\s*$/i
const DURATIONS: Record<string, number> = { ms: 1, s: 1000, min: 60_000, h: HOUR }

/** `"30s"`, `"10min"`, `"2h"` to ms: how long a program may run, where `parseTime` is for leases. */
export function parseDuration(text: string): number {
  const match = text.length <= MAX_TEXT ? DURATION.exec(text) : null
  if (!match)
    throw new BushelError('BAD_INPUT', `'${text}' is not a duration`, 'write it as 30s, 10min or 2h')
  return parseScaled(text, match[1]!, DURATIONS[match[2]!.toLowerCase()]!, 'duration')
}

export function formatTime(ms: number): string {
  if (ms >= DAY) return `${Number((ms / DAY).toFixed(1))}d`
  if (ms >= HOUR) return `${Number((ms / HOUR).toFixed(1))}h`
  if (ms >= 60_000) return `${Math.round(ms / 60_000)}min`
  return `${Math.round(ms / 1000)}s`
}
