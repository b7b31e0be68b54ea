import { ERRORS, EXIT, KINDS } from '../../contracts/errors/error-table.js'
import type { Exit } from '../../contracts/errors/error-table.js'

/** What each exit code says; `bushel help exit-codes` and docs/exit-codes.md are printed from here. */
export const EXIT_CODES: readonly { exit: Exit; meaning: string }[] = [
  { exit: EXIT.done, meaning: 'done' },
  { exit: EXIT.failed, meaning: 'failed or timed out; a program that was run and failed' },
  { exit: EXIT.badInput, meaning: 'bad input: usage, a damaged home, or a home that is taken' },
  { exit: EXIT.notFound, meaning: 'not found: link, market, order, lease, job' },
  { exit: EXIT.noOffer, meaning: 'no matching offer, or fewer than --copies; nothing is paid then' },
  { exit: EXIT.payment, meaning: 'payment or balance' },
  { exit: EXIT.interrupted, meaning: 'interrupted' }
]

/** Every code of an error, with its row of the table. */
export const ERROR_CODES = Object.entries(ERRORS).map(([code, row]) => ({ code, ...row }))

const NOTES = [
  '`up` and `dht` run until they are stopped: Ctrl-C (SIGINT) ends them in order with 130, SIGTERM ends them in order with 0.',
  'With --json a failure is one object on standard output: { "error": { "code", "exit", "message", "hint" } }.'
]

/** For the terminal, within 80 columns. */
export function exitCodesText(): string {
  const exits = EXIT_CODES.map(({ exit, meaning }) => `${String(exit).padStart(4)}  ${meaning}`)
  const codes = ERROR_CODES.map(
    ({ code, exit, meaning }) => `  ${code.padEnd(18)} ${String(exit).padStart(3)}  ${meaning}`
  )
  return [
    'Exit codes:',
    ...exits,
    '',
    'Error codes (error.code with --json):',
    ...codes,
    '',
    ...NOTES.flatMap(note => wrap(note, 78))
  ].join('\n')
}

/** The page docs/exit-codes.md. */
export function exitCodesPage(): string {
  return [
    '# Exit codes',
    '',
    'Stable, so that scripts can rely on them. `bushel help exit-codes` prints the same.',
    '',
    ...markdown(
      ['exit', 'meaning'],
      EXIT_CODES.map(({ exit, meaning }) => [String(exit), meaning])
    ),
    '',
    ...NOTES.flatMap(note => [note, '']),
    '## Error codes',
    '',
    ...markdown(
      ['code', 'exit', 'kind', 'meaning'],
      ERROR_CODES.map(({ code, exit, kind, meaning }) => [`\`${code}\``, String(exit), kind, meaning])
    ),
    '',
    'The kind says whose fault an error is, and what the node does about it:',
    '',
    ...markdown(
      ['kind', 'meaning'],
      Object.entries(KINDS).map(([kind, meaning]) => [kind, meaning])
    ),
    ''
  ].join('\n')
}

function markdown(titles: string[], rows: string[][]): string[] {
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map(row => row[i]!.length)))
  const line = (cells: string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`
  return [line(titles), line(widths.map(width => '-'.repeat(width))), ...rows.map(line)]
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line ? `${line} ${word}` : word
    }
  }
  return [...lines, line]
}
