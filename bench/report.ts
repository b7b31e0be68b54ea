import { isMet, ratioOf } from './figure.js'
import type { Figure } from './figure.js'

const HEAD = ['figure', 'measured', 'baseline', 'ratio', 'target', '']

/** Formats the figures as a table, with baselines and notes below it. */
export function table(figures: readonly Figure[]): string {
  const rows = [HEAD, ...figures.map(rowOf)]
  const widths = HEAD.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  const lines = rows.map(row =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd()
  )
  const notes = figures
    .filter(({ baseline, note }) => baseline ?? note)
    .map(({ name, baseline, note }) => {
      const against = baseline ? `against ${baseline.name}` : ''
      return `  ${name}: ${[against, note].filter(Boolean).join('; ')}`
    })
  return `\n${lines.join('\n')}\n\n${notes.join('\n')}\n`
}

/** Formats the figures as one line of JSON. */
export function jsonOf(figure: Figure): string {
  const { name, measured, unit, baseline, target, note } = figure
  return JSON.stringify({
    name,
    measured,
    unit,
    baseline: baseline ?? null,
    ratio: ratioOf(figure),
    target: target ?? null,
    met: isMet(figure),
    ...(note === undefined ? {} : { note })
  })
}

function rowOf(figure: Figure): string[] {
  const { name, measured, unit, baseline, target } = figure
  const ratio = ratioOf(figure)
  const met = isMet(figure)
  return [
    name,
    `${shown(measured)} ${unit}`,
    baseline ? `${shown(baseline.value)} ${unit}` : '-',
    ratio === null ? '-' : ratio.toFixed(2),
    !target ? '-' : 'atLeast' in target ? `>= ${target.atLeast}` : `<= ${target.atMost}`,
    met === null ? '' : met ? 'ok' : 'MISSED'
  ]
}

function shown(value: number): string {
  return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0)
}
