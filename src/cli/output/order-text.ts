import type { OrderResult } from '../../node/api/api.js'

/** What is said of an order that was, or would be, put on the book. */
export function placed(what: string, { id, expires, dryRun }: OrderResult): string[] {
  if (dryRun) return [`would put on the book: ${what}`]
  return [`on the book: ${what}`, `until ${dateText(expires)}; take it off with`, `  bushel withdraw ${id}`]
}

/** `ms` since 1970 as a date and time of day, in the zone of this machine. */
export function dateText(ms: number): string {
  if (ms <= 0) return '-'
  const date = new Date(ms)
  const two = (n: number): string => String(n).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`
}
