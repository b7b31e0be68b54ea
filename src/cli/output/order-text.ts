import type { OrderResult } from '../../node/api/api.js'

/** The lines for an order that was, or with --dry-run would be, published. */
export function placed(what: string, { id, expires, note, warning, dryRun }: OrderResult): string[] {
  const unreached = warning === '' ? [] : [`warning: ${warning}`]
  if (dryRun) return [`would publish: ${what}`, ...unreached]
  return [
    `${note === '' ? 'published' : 'kept'}: ${what}`,
    ...(note === '' ? [] : [`warning: ${note}`]),
    ...unreached,
    `it stays on the book until ${dateText(expires)}; withdraw it with`,
    `  bushel withdraw ${id}`
  ]
}

/** Formats ms since 1970 as date and time in the local time zone; `-` for 0. */
export function dateText(ms: number): string {
  if (ms <= 0) return '-'
  const date = new Date(ms)
  const two = (n: number): string => String(n).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`
}
