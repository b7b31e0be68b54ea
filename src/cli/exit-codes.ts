import { EXIT } from '../../contracts/errors.js'
import type { Exit } from '../../contracts/errors.js'

/** What each exit code says; `bushel help exit-codes` and docs/exit-codes.md are printed from here. */
export const EXIT_CODES: readonly { exit: Exit; meaning: string }[] = [
  { exit: EXIT.done, meaning: 'done' },
  { exit: EXIT.failed, meaning: 'failed or timed out' },
  { exit: EXIT.badInput, meaning: 'bad input: usage, a damaged home, or a home that is taken' },
  { exit: EXIT.notFound, meaning: 'not found: link, market, order, lease' },
  { exit: EXIT.noOffer, meaning: 'no matching offer, or fewer than --copies; nothing is paid then' },
  { exit: EXIT.payment, meaning: 'payment or balance' },
  { exit: EXIT.interrupted, meaning: 'interrupted' }
]

/** The stable words of `error.code`. */
export const ERROR_CODES: readonly { code: string; exit: Exit; meaning: string }[] = [
  { code: 'FAILED', exit: 1, meaning: 'it failed for the reason given' },
  { code: 'INTERNAL', exit: 1, meaning: 'a fault of the program itself; set BUSHEL_DEBUG=1 to see where' },
  { code: 'NODE_GONE', exit: 1, meaning: 'the running node went away before it answered' },
  { code: 'NODE_UNREACHABLE', exit: 1, meaning: 'the control socket of the running node cannot be opened' },
  { code: 'NOT_RUNNING', exit: 1, meaning: 'the command needs `bushel up`, and none runs on this home' },
  { code: 'ALREADY_RUNNING', exit: 2, meaning: 'another process has this home' },
  { code: 'BAD_BOOTSTRAP', exit: 2, meaning: '--bootstrap is not HOST:PORT,...' },
  { code: 'BAD_CONFIG', exit: 2, meaning: 'a file of the home is damaged or missing' },
  { code: 'BAD_HOME', exit: 2, meaning: 'the path cannot be used as a home' },
  { code: 'BAD_INPUT', exit: 2, meaning: 'an amount, price, size, time or number that is none' },
  { code: 'BAD_KEY', exit: 2, meaning: 'a key or id that is none' },
  { code: 'BAD_LINK', exit: 2, meaning: 'a link that is none' },
  { code: 'BAD_PATH', exit: 2, meaning: 'a file or folder that is not there or cannot be read' },
  { code: 'BAD_REQUEST', exit: 2, meaning: 'the running node did not understand the command' },
  { code: 'BAD_RULES', exit: 2, meaning: 'a rules file that is none' },
  { code: 'BAD_WORDS', exit: 2, meaning: 'the 24 words do not make an identity' },
  { code: 'HOME_EXISTS', exit: 2, meaning: '`init` where something is already' },
  { code: 'NO_HOME', exit: 2, meaning: 'there is no home at the path' },
  { code: 'PORT_IN_USE', exit: 2, meaning: 'the port of `dht` is taken' },
  { code: 'UNSAFE_FOLDER', exit: 2, meaning: 'the folder of the control socket is open to other users' },
  { code: 'USAGE', exit: 2, meaning: 'an unknown command or option, or a missing argument' },
  { code: 'NOT_FOUND', exit: 3, meaning: 'no such link, market, order or lease' },
  { code: 'NO_OFFER', exit: 4, meaning: 'no offer, or not enough of them, for what was asked' },
  { code: 'PAYMENT_FAILED', exit: 5, meaning: 'a payment failed' },
  { code: 'INTERRUPTED', exit: 130, meaning: 'stopped by a signal' }
]

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
      ['code', 'exit', 'meaning'],
      ERROR_CODES.map(({ code, exit, meaning }) => [`\`${code}\``, String(exit), meaning])
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
