/** Exit codes of the executable; stable, documented in docs/exit-codes.md. */
export const EXIT = {
  done: 0,
  failed: 1,
  badInput: 2,
  notFound: 3,
  noOffer: 4,
  payment: 5,
  interrupted: 130
} as const

export type Exit = (typeof EXIT)[keyof typeof EXIT]

/**
 * Whose fault an error is. The kind alone decides whether a peer is blamed, whether a step is tried again, and whether
 * another peer can help.
 */
export const KINDS = {
  input: 'what the user asked for cannot be done; no peer can help',
  ours: 'this node, its disk or its wallet; no peer can help, and none is blamed',
  peer: 'a peer broke the rules; it is remembered, and another one is tried',
  passing: 'nobody is at fault; the same step may succeed later',
  refused: 'a peer or the market did not agree; nobody is blamed, another one is tried',
  bug: 'a fault of the program; no peer is blamed'
} as const

export type ErrorKind = keyof typeof KINDS

interface ErrorRow {
  exit: Exit
  kind: ErrorKind
  meaning: string
}

/** Every code that an error can have. An error takes its exit code and its kind from here. */
export const ERRORS = {
  BAD_ANSWER: { exit: 1, kind: 'peer', meaning: 'a peer answered against the agreement' },
  BAD_BLOB: { exit: 1, kind: 'peer', meaning: 'what was fetched for a job is not what was agreed' },
  BAD_PEER: { exit: 1, kind: 'peer', meaning: 'a peer broke the agreement' },
  BLOCK_MISSING: { exit: 1, kind: 'ours', meaning: 'a block that should be here is not' },
  BLOCK_TOO_LARGE: { exit: 1, kind: 'peer', meaning: 'a buyer uploads a block that is too large' },
  BUDGET: { exit: 1, kind: 'passing', meaning: 'a relay takes no more orders from us for a while' },
  CANCELLED: { exit: 1, kind: 'input', meaning: 'its owner cancelled the job' },
  CLOSED: { exit: 1, kind: 'ours', meaning: 'a part of the node was closed meanwhile' },
  CLOSING: { exit: 1, kind: 'passing', meaning: 'the lease is being taken off the shelf' },
  CORE_FORKED: { exit: 1, kind: 'peer', meaning: 'a buyer uploads two histories of one core' },
  CORE_TOO_LARGE: { exit: 1, kind: 'peer', meaning: 'a buyer uploads a core larger than agreed' },
  DECLINED: { exit: 1, kind: 'refused', meaning: 'a peer declined, for the reason given' },
  DISK_FULL: { exit: 1, kind: 'ours', meaning: 'the disk has no room' },
  FAILED: { exit: 1, kind: 'ours', meaning: 'it failed for the reason given' },
  FALSE_KEY: { exit: 1, kind: 'peer', meaning: 'a provider sold a key that opens nothing' },
  FORGED: { exit: 1, kind: 'peer', meaning: 'what a peer showed of a market does not hold' },
  INCOMPLETE: { exit: 1, kind: 'passing', meaning: 'the upload is not complete' },
  INTERNAL: { exit: 1, kind: 'bug', meaning: 'a fault of the program; BUSHEL_DEBUG=1 shows where' },
  INVOICE_FAILED: { exit: 1, kind: 'ours', meaning: 'the wallet could not make an invoice' },
  IN_PROGRESS: { exit: 1, kind: 'input', meaning: 'this path is being mirrored already' },
  JOB_FAILED: { exit: 1, kind: 'peer', meaning: 'a provider gave a job up' },
  JOB_OVER: { exit: 1, kind: 'refused', meaning: 'the job is over' },
  JOURNAL_FAILED: { exit: 1, kind: 'ours', meaning: 'the journal cannot be written' },
  LAPSED: { exit: 1, kind: 'refused', meaning: 'the agreement was not paid in time' },
  LATE: { exit: 1, kind: 'peer', meaning: 'a provider did not go on with a job in time' },
  MALFORMED: { exit: 1, kind: 'peer', meaning: 'a peer sent what cannot be read' },
  MARKET_NOT_REACHED: { exit: 1, kind: 'passing', meaning: 'nobody of the market answered' },
  NAMES_CLASH: { exit: 1, kind: 'input', meaning: 'two names of the drive are one name on this disk' },
  NODE_GONE: { exit: 1, kind: 'passing', meaning: 'the running node went away before it answered' },
  NODE_UNREACHABLE: { exit: 1, kind: 'ours', meaning: 'the control socket cannot be opened' },
  NOT_BEGUN: { exit: 1, kind: 'refused', meaning: 'a provider left a job before it was paid for it' },
  NOT_RUNNING: { exit: 1, kind: 'input', meaning: 'this needs `bushel up`, and none runs on this home' },
  NO_BUBBLEWRAP: { exit: 1, kind: 'ours', meaning: 'bubblewrap is asked for and does not work here' },
  NO_DEAL: { exit: 1, kind: 'refused', meaning: 'a peer whose identity, clock or network is wrong' },
  NO_RELAY: { exit: 1, kind: 'passing', meaning: 'no relay of the market can be reached' },
  OLD_HOME: { exit: 1, kind: 'ours', meaning: 'this home is an older copy of itself' },
  ORDER_REFUSED: { exit: 1, kind: 'refused', meaning: 'the market refused an order, for the reason given' },
  PACK_EXISTS: { exit: 1, kind: 'input', meaning: 'a drive of this name was packed before' },
  PEER_GONE: { exit: 1, kind: 'passing', meaning: 'a peer went away' },
  PEER_UNREACHABLE: { exit: 1, kind: 'passing', meaning: 'a peer did not answer' },
  SANDBOX_FAILED: { exit: 1, kind: 'ours', meaning: 'the process that runs jobs did not start' },
  STALLED: { exit: 1, kind: 'passing', meaning: 'nothing more came or went' },
  TIMEOUT: { exit: 1, kind: 'passing', meaning: 'a peer did not answer in time' },
  UNEXPECTED: { exit: 1, kind: 'peer', meaning: 'a peer asked for what it may not' },
  UNSAFE_DRIVE: { exit: 1, kind: 'peer', meaning: 'the drive would write outside its folder' },
  UNSAFE_OUTPUT: { exit: 1, kind: 'peer', meaning: 'a job would write outside its folder' },
  UNSUPPORTED_DRIVE: { exit: 1, kind: 'input', meaning: 'the drive is of a kind that is not restored' },
  UPLOAD_STALLED: { exit: 1, kind: 'peer', meaning: 'a provider took no more of an upload' },
  WALLET_CLOSED: { exit: 1, kind: 'ours', meaning: 'the wallet was closed meanwhile' },
  WRONG_OUTPUT: { exit: 1, kind: 'peer', meaning: 'a provider sold another output than it stated' },
  ALREADY_RUNNING: { exit: 2, kind: 'ours', meaning: 'another process has this home' },
  BAD_BOOTSTRAP: { exit: 2, kind: 'input', meaning: '--bootstrap is not HOST:PORT,...' },
  BAD_CONFIG: { exit: 2, kind: 'ours', meaning: 'a file of the home is damaged or missing' },
  BAD_DEST: { exit: 2, kind: 'input', meaning: 'the destination cannot be written' },
  BAD_HOME: { exit: 2, kind: 'input', meaning: 'the path cannot be used as a home' },
  BAD_INPUT: { exit: 2, kind: 'input', meaning: 'no amount, price, size, time or number' },
  BAD_JOURNAL: { exit: 2, kind: 'ours', meaning: 'the journal is damaged' },
  BAD_KEY: { exit: 2, kind: 'input', meaning: 'no key or id' },
  BAD_LINK: { exit: 2, kind: 'input', meaning: 'no link' },
  BAD_MODULE: { exit: 2, kind: 'input', meaning: 'a program that is no WebAssembly module' },
  BAD_NAME: { exit: 2, kind: 'input', meaning: 'a name that cannot be used' },
  BAD_ORDER: { exit: 2, kind: 'input', meaning: 'an order that no market will take' },
  BAD_PATH: { exit: 2, kind: 'input', meaning: 'a file or folder that is not there or not readable' },
  BAD_RECEIPT: { exit: 2, kind: 'input', meaning: 'no receipt, and no evidence' },
  BAD_REQUEST: { exit: 2, kind: 'input', meaning: 'the running node did not understand the command' },
  BAD_RULES: { exit: 2, kind: 'input', meaning: "rules that cannot be a market's" },
  BAD_WORDS: { exit: 2, kind: 'input', meaning: 'the 24 words do not make an identity' },
  BOOK_COPIED: { exit: 2, kind: 'ours', meaning: 'a copy of a home that writes to a market' },
  CONSENT_NEEDED: { exit: 2, kind: 'input', meaning: 'this node deals in real money: say that you agree' },
  CORRUPT: { exit: 2, kind: 'ours', meaning: 'a file of the book is damaged' },
  FILE_CHANGED: { exit: 2, kind: 'input', meaning: 'a file changed while it was being read' },
  FILE_EXISTS: { exit: 2, kind: 'input', meaning: 'a different file is in the way' },
  HOME_EXISTS: { exit: 2, kind: 'input', meaning: '`init` where something is already' },
  INVOICE_CONFLICT: { exit: 2, kind: 'ours', meaning: 'an invoice of this kind was made for something else' },
  IN_THE_WAY: { exit: 2, kind: 'input', meaning: 'a file stands where a folder must go' },
  MARKET_EXISTS: { exit: 2, kind: 'input', meaning: 'a market of this name is joined already' },
  NOT_FOUNDER: { exit: 2, kind: 'input', meaning: 'only the founder of the market can do that' },
  NO_HOME: { exit: 2, kind: 'input', meaning: 'there is no home at the path' },
  NO_SPACE: { exit: 2, kind: 'ours', meaning: 'the disk has less room than is offered' },
  PORT_IN_USE: { exit: 2, kind: 'ours', meaning: 'the port cannot be had' },
  TOO_LARGE: { exit: 2, kind: 'input', meaning: 'more than a job takes' },
  UNKNOWN_METHOD: { exit: 2, kind: 'input', meaning: 'the running node is of another version' },
  UNSAFE_FOLDER: { exit: 2, kind: 'ours', meaning: 'others can open the folder of the control socket' },
  USAGE: { exit: 2, kind: 'input', meaning: 'unknown command or option, or a missing argument' },
  WALLET_BUSY: { exit: 2, kind: 'ours', meaning: 'another process has the wallet' },
  WALLET_CORRUPT: { exit: 2, kind: 'ours', meaning: 'the wallet is damaged' },
  WALLET_IN_USE: { exit: 2, kind: 'input', meaning: 'something is under way on the wallet in use' },
  WHICH_MARKET: { exit: 2, kind: 'input', meaning: 'several markets are joined, and none is chosen' },
  JOB_NOT_FOUND: { exit: 3, kind: 'input', meaning: 'no such job of this node' },
  LEASE_NOT_FOUND: { exit: 3, kind: 'input', meaning: 'no such lease' },
  LINK_NOT_FOUND: { exit: 3, kind: 'passing', meaning: 'nobody who has this drive was found' },
  MARKET_NOT_FOUND: { exit: 3, kind: 'input', meaning: 'no such market' },
  NOT_FOUND: { exit: 3, kind: 'input', meaning: 'it was not found' },
  ORDER_NOT_FOUND: { exit: 3, kind: 'input', meaning: 'no such order of this node' },
  RECEIPT_NOT_FOUND: { exit: 3, kind: 'input', meaning: 'no such payment of this lease' },
  COPIES_SHORT: { exit: 4, kind: 'refused', meaning: 'fewer copies than asked for are kept' },
  NO_OFFER: { exit: 4, kind: 'refused', meaning: 'no offer, or too few, for what was asked' },
  PRICE_ROSE: { exit: 4, kind: 'refused', meaning: 'a provider asks more now than on the book' },
  PRICE_TOO_LOW: { exit: 4, kind: 'refused', meaning: 'there are offers, but at higher prices' },
  ALREADY_PAID: { exit: 5, kind: 'refused', meaning: 'it was paid before; nothing was paid now' },
  INVOICE_EXPIRED: { exit: 5, kind: 'refused', meaning: 'an invoice has expired; nothing was paid' },
  INVOICE_NETWORK: { exit: 5, kind: 'peer', meaning: 'an invoice is for another network; nothing was paid' },
  INVOICE_REFUSED: { exit: 5, kind: 'peer', meaning: 'an invoice was not what was agreed; nothing was paid' },
  JOB_UNPAID: { exit: 5, kind: 'refused', meaning: 'a segment of a job was not paid in time' },
  NO_AMOUNT: { exit: 5, kind: 'input', meaning: 'an invoice names no amount; nothing was paid' },
  NO_BALANCE: { exit: 5, kind: 'ours', meaning: 'the balance is too small' },
  NO_DEBT: { exit: 5, kind: 'passing', meaning: 'less is owed than was asked for; nothing was paid' },
  NO_INBOUND: { exit: 5, kind: 'ours', meaning: 'the Lightning node can receive too little' },
  NO_ROUTE: { exit: 5, kind: 'passing', meaning: 'the other Lightning node cannot be paid' },
  OVER_LIMIT: { exit: 5, kind: 'ours', meaning: 'over a limit of this node; nothing was paid' },
  PAYMENT_FAILED: { exit: 5, kind: 'refused', meaning: 'a payment failed' },
  PAYMENT_PENDING: { exit: 5, kind: 'passing', meaning: 'a payment is still under way' },
  INSTALLMENT_REFUSED: {
    exit: 5,
    kind: 'refused',
    meaning: 'an installment is not taken on that hash any more'
  },
  WALLET_FAILED: { exit: 5, kind: 'ours', meaning: 'the Lightning node does not run, or refused' },
  WALLET_GONE: { exit: 5, kind: 'ours', meaning: 'the Lightning node went away before it answered' },
  WALLET_SYNCING: { exit: 5, kind: 'ours', meaning: 'the Lightning node is not in step; nothing was paid' },
  WALLET_TIMEOUT: { exit: 5, kind: 'ours', meaning: 'the Lightning node did not answer in time' },
  WALLET_UNREACHABLE: { exit: 5, kind: 'ours', meaning: 'no Lightning node answers at the path' },
  WRONG_NETWORK: { exit: 5, kind: 'ours', meaning: 'it is for another Lightning network; nothing was paid' },
  WRONG_NODE: { exit: 5, kind: 'ours', meaning: 'another Lightning node answers; nothing was paid' },
  INTERRUPTED: { exit: 130, kind: 'input', meaning: 'stopped by a signal' }
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof ERRORS

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code)
}
