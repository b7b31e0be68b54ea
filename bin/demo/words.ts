/** The first eight characters of a key. */
export function short(key: string): string {
  return key.slice(0, 8)
}

export function count(n: number, what: string): string {
  return `${n.toLocaleString('en-US').replaceAll(',', ' ')} ${what}${n === 1 ? '' : 's'}`
}

export function seconds(value: number): string {
  return `${value.toFixed(1)} s`
}

/** Aligns cells in columns; the columns in `right` are aligned to the right. */
export function columns(rows: string[][], right: number[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map(row => row[i]!.length)))
  return rows.map(row =>
    (
      '  ' +
      row
        .map((cell, i) => (right.includes(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
        .join('  ')
    ).trimEnd()
  )
}
