import { ERRORS, EXIT, KINDS } from '../../contracts/errors/error-table.js'
import { markdownTable } from '../base/markdown.js'
import type { Exit } from '../../contracts/errors/error-table.js'

/** The exit codes, as `bushel help exit-codes` and docs/exit-codes.md list them. */
export const EXIT_CODES: readonly { exit: Exit; meaning: string }[] = [
  { exit: EXIT.done, meaning: 'done' },
  { exit: EXIT.failed, meaning: 'failed or timed out, or a program that was run failed' },
  { exit: EXIT.badInput, meaning: 'bad input, wrong usage, or a home that is damaged or in use' },
  { exit: EXIT.notFound, meaning: 'a link, market, order, lease or job was not found' },
  { exit: EXIT.noOffer, meaning: 'too few matching offers, or fewer copies stored than asked for' },
  { exit: EXIT.payment, meaning: 'a payment failed, or the balance or a limit is too small' },
  { exit: EXIT.interrupted, meaning: 'stopped by a signal' }
]

/** The rows of the error table, each with its code. */
export const ERROR_CODES = Object.entries(ERRORS).map(([code, row]) => ({ code, ...row }))

const NOTES = [
  '`up` and `dht` run until a signal stops them. Both signals stop them cleanly: Ctrl-C (SIGINT) with exit code 130, SIGTERM with exit code 0.',
  'With --json an error is one object on standard output: { "error": { "code", "exit", "message", "hint" } }.'
]

/** The text of `bushel help exit-codes`, at most 80 columns wide. */
export function exitCodesText(): string[] {
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
  ]
}

/** The text of docs/exit-codes.md. */
export function exitCodesPage(): string {
  return [
    '# Exit codes',
    '',
    'Exit codes and error codes are stable, so that scripts can rely on them. `bushel help exit-codes` prints the same lists.',
    '',
    ...markdownTable(
      ['exit', 'meaning'],
      EXIT_CODES.map(({ exit, meaning }) => [String(exit), meaning])
    ),
    '',
    ...NOTES.flatMap(note => [note, '']),
    '## Error codes',
    '',
    ...markdownTable(
      ['code', 'exit', 'kind', 'meaning'],
      ERROR_CODES.map(({ code, exit, kind, meaning }) => [`\`${code}\``, String(exit), kind, meaning])
    ),
    '',
    'The kind says whose fault an error is and what the node does about it:',
    '',
    ...markdownTable(
      ['kind', 'meaning'],
      Object.entries(KINDS).map(([kind, meaning]) => [kind, meaning])
    ),
    ''
  ].join('\n')
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
