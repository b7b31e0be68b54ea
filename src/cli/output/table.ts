export const PAGE_WIDTH = 80
const GAP = '  '
/** No column is cut to less than this. */
const NARROWEST = 4

export interface Column {
  title: string
  align?: 'left' | 'right'
  /** May be cut short, with an ellipsis, so that the table fits. */
  flexible?: boolean
}

/** Lines of a table no wider than `width`; the rightmost column is not padded. */
export function table(columns: Column[], rows: string[][], width = PAGE_WIDTH): string[] {
  const widths = columns.map((column, i) =>
    Math.max(column.title.length, ...rows.map(row => (row[i] ?? '').length))
  )
  const excess = (): number =>
    widths.reduce((sum, w) => sum + w, 0) + GAP.length * (columns.length - 1) - width
  while (excess() > 0) {
    const widest = columns
      .map((column, i) => ({ i, width: column.flexible ? widths[i]! : 0 }))
      .reduce((a, b) => (b.width > a.width ? b : a))
    if (widest.width <= NARROWEST) break
    widths[widest.i] = widest.width - 1
  }
  const line = (cells: string[]): string =>
    columns
      .map(({ align }, i) => {
        const cell = shorten(cells[i] ?? '', widths[i]!)
        return align === 'right' ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)
      })
      .join(GAP)
      .trimEnd()
  return [line(columns.map(column => column.title)), ...rows.map(line)]
}

/** `label  value` lines with the values under one another. */
export function facts(pairs: [string, string][]): string[] {
  const width = Math.max(...pairs.map(([label]) => label.length))
  return pairs.map(([label, value]) => `${label.padEnd(width)}  ${value}`)
}

export function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`
}

function shorten(text: string, width: number): string {
  return text.length <= width ? text : text.slice(0, width - 1) + '…'
}
