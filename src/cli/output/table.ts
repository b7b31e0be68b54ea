const PAGE_WIDTH = 80
const GAP = '  '
/** Columns are not cut below this width. */
const NARROWEST = 4

export interface Column {
  title: string
  align?: 'left' | 'right'
  /** True for a column whose cells may be cut with an ellipsis so that the table fits. */
  flexible?: boolean
}

/** A column of numbers, aligned to the right. */
export function right(title: string): Column {
  return { title, align: 'right' }
}

/** The lines of a table; flexible columns are cut until it is at most `width` wide. */
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

/** A column of a list, and its cell in the row of an entry. */
export type ListColumn<T> = [Column, (entry: T) => string]

/** The table of a list, or one line in its place when the list is empty. */
export function list<T>(entries: readonly T[], empty: string, columns: ListColumn<T>[]): string[] {
  if (entries.length === 0) return [empty]
  const cells = (entry: T): string[] => columns.map(([, cell]) => cell(entry))
  return table(
    columns.map(([column]) => column),
    entries.map(cells)
  )
}

/** Lines of labels and values, with the values aligned. */
export function facts(pairs: [string, string][]): string[] {
  const width = Math.max(...pairs.map(([label]) => label.length))
  return pairs.map(([label, value]) => `${label.padEnd(width)}  ${value}`)
}

/** A number with its noun, such as `1 copy` or `2 copies`. */
export function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`
}

function shorten(text: string, width: number): string {
  return text.length <= width ? text : text.slice(0, width - 1) + '…'
}
