import { EXIT } from '../../contracts/errors/error.js'
import type { Exit } from '../../contracts/errors/error.js'

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

/** The stable words of `error.code`, by exit code. */
const CODES: readonly [Exit, Record<string, string>][] = [
  [
    EXIT.failed,
    {
      BAD_ANSWER: 'a peer answered against the agreement',
      BAD_BLOB: 'what was fetched for a job is not what was agreed',
      BAD_PEER: 'a peer broke the agreement',
      BLOCK_MISSING: 'a block that should be here is not',
      BUDGET: 'a relay takes no more orders from us for a while',
      CANCELLED: 'its owner cancelled the job',
      CLOSED: 'a part of the node was closed meanwhile',
      CLOSING: 'the lease is being taken off the shelf',
      DISK_FULL: 'the disk has no room',
      FAILED: 'it failed for the reason given',
      FALSE_KEY: 'a provider sold a key that opens nothing',
      FORGED: 'what a peer showed of a market does not hold',
      INCOMPLETE: 'the upload is not complete',
      INTERNAL: 'a fault of the program; BUSHEL_DEBUG=1 shows where',
      INVOICE_FAILED: 'the wallet could not make an invoice',
      IN_PROGRESS: 'this path is being mirrored already',
      JOB_FAILED: 'a provider gave a job up',
      JOB_OVER: 'the job is over',
      JOURNAL_FAILED: 'the journal cannot be written',
      LAPSED: 'the agreement was not paid in time',
      LATE: 'a provider did not go on with a job in time',
      MALFORMED: 'a peer sent what cannot be read',
      MARKET_NOT_REACHED: 'nobody of the market answered',
      NAMES_CLASH: 'two names of the drive are one name on this disk',

      NODE_GONE: 'the running node went away before it answered',
      NODE_UNREACHABLE: 'the control socket cannot be opened',
      NOT_RUNNING: 'this needs `bushel up`, and none runs on this home',
      NO_BUBBLEWRAP: 'bubblewrap is asked for and does not work here',
      NO_RELAY: 'no relay of the market can be reached',
      OLD_HOME: 'this home is an older copy of itself',
      PACK_EXISTS: 'a drive of this name was packed before',
      PEER_GONE: 'a peer went away',
      PEER_UNREACHABLE: 'a peer did not answer',
      SANDBOX_FAILED: 'the process that runs jobs did not start',
      STALLED: 'nothing more came or went',
      TIMEOUT: 'a peer did not answer in time',
      UNSAFE_OUTPUT: 'a job would write outside its folder',
      UNSAFE_DRIVE: 'the drive would write outside its folder',
      UNSUPPORTED_DRIVE: 'the drive is of a kind that is not restored',
      WALLET_CLOSED: 'the wallet was closed meanwhile',
      WRONG_OUTPUT: 'a provider sold another output than it stated'
    }
  ],
  [
    EXIT.badInput,
    {
      ALREADY_RUNNING: 'another process has this home',
      BAD_BOOTSTRAP: '--bootstrap is not HOST:PORT,...',
      BAD_CONFIG: 'a file of the home is damaged or missing',
      BAD_DEST: 'the destination cannot be written',
      BAD_HOME: 'the path cannot be used as a home',
      BAD_INPUT: 'no amount, price, size, time or number',
      BAD_JOURNAL: 'the journal is damaged',
      BAD_KEY: 'no key or id',
      BAD_LINK: 'no link',
      BAD_MODULE: 'a program that is no WebAssembly module',
      BAD_NAME: 'a name that cannot be used',
      BAD_PATH: 'a file or folder that is not there or not readable',
      BAD_RECEIPT: 'no receipt, and no evidence',
      BAD_REQUEST: 'the running node did not understand the command',
      BAD_RULES: "rules that cannot be a market's",
      BAD_WORDS: 'the 24 words do not make an identity',
      BOOK_COPIED: 'a copy of a home that writes to a market',
      CONSENT_NEEDED: 'this node deals in real money: say that you agree',
      CORRUPT: 'a file of the book is damaged',
      FILE_CHANGED: 'a file changed while it was being read',
      FILE_EXISTS: 'a different file is in the way',
      HOME_EXISTS: '`init` where something is already',
      INVOICE_CONFLICT: 'an invoice of this kind was made for something else',
      IN_THE_WAY: 'a file stands where a folder must go',
      MARKET_EXISTS: 'a market of this name is joined already',
      NOT_FOUNDER: 'only the founder of the market can do that',
      NO_HOME: 'there is no home at the path',
      NO_SPACE: 'the disk has less room than is offered',
      PORT_IN_USE: 'the port cannot be had',
      TOO_LARGE: 'more than a job takes',
      UNKNOWN_METHOD: 'the running node is of another version',
      UNSAFE_FOLDER: 'others can open the folder of the control socket',
      USAGE: 'unknown command or option, or a missing argument',
      WALLET_BUSY: 'another process has the wallet',
      WALLET_CORRUPT: 'the wallet is damaged',
      WALLET_IN_USE: 'something is under way on the wallet in use',
      WHICH_MARKET: 'several markets are joined, and none is chosen'
    }
  ],
  [
    EXIT.notFound,
    {
      JOB_NOT_FOUND: 'no such job of this node',
      LEASE_NOT_FOUND: 'no such lease',
      LINK_NOT_FOUND: 'nobody who has this drive was found',
      MARKET_NOT_FOUND: 'no such market',
      NOT_FOUND: 'it was not found',
      ORDER_NOT_FOUND: 'no such order of this node',
      RECEIPT_NOT_FOUND: 'no such payment of this lease'
    }
  ],
  [
    EXIT.noOffer,
    {
      COPIES_SHORT: 'fewer copies than asked for are kept',
      NO_OFFER: 'no offer, or too few, for what was asked',
      PRICE_ROSE: 'a provider asks more now than on the book',
      PRICE_TOO_LOW: 'there are offers, but at higher prices'
    }
  ],
  [
    EXIT.payment,
    {
      ALREADY_PAID: 'it was paid before; nothing was paid now',
      INVOICE_EXPIRED: 'an invoice has expired; nothing was paid',
      INVOICE_REFUSED: 'an invoice was not what was agreed; nothing was paid',
      JOB_UNPAID: 'a segment of a job was not paid in time',
      NO_AMOUNT: 'an invoice names no amount; nothing was paid',
      NO_BALANCE: 'the balance is too small',
      NO_DEBT: 'less is owed than was asked for; nothing was paid',
      NO_INBOUND: 'the Lightning node can receive too little',
      NO_ROUTE: 'the other Lightning node cannot be paid',
      OVER_LIMIT: 'over a limit of this node; nothing was paid',
      PAYMENT_FAILED: 'a payment failed',
      PAYMENT_PENDING: 'a payment is still under way',
      INSTALLMENT_REFUSED: 'an installment is not taken on that hash any more',
      WALLET_FAILED: 'the Lightning node does not run, or refused',
      WALLET_GONE: 'the Lightning node went away, and may be back soon',
      WALLET_SYNCING: 'the Lightning node is not in step; nothing was paid',
      WALLET_TIMEOUT: 'the Lightning node did not answer in time',
      WALLET_UNREACHABLE: 'no Lightning node answers at the path',
      WRONG_NETWORK: 'it is for another Lightning network; nothing was paid',
      WRONG_NODE: 'another Lightning node answers; nothing was paid'
    }
  ],
  [
    EXIT.interrupted,
    {
      INTERRUPTED: 'stopped by a signal'
    }
  ]
]

export const ERROR_CODES = CODES.flatMap(([exit, codes]) =>
  Object.entries(codes).map(([code, meaning]) => ({ code, exit, meaning }))
)

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
