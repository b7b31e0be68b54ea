/** Exit codes of the executable. They are stable; docs/exit-codes.md documents them. */
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
 * Whose fault an error is. The kind alone decides whether a peer is blamed, whether the same step is retried, and whether
 * another peer is tried.
 */
export const KINDS = {
  input: 'the request of the user cannot be fulfilled; no other peer is tried',
  ours: 'a fault of this node, its disk or its wallet; no peer is blamed, no other peer is tried',
  peer: 'a peer broke the rules; the node remembers it and tries another peer',
  passing: 'nobody is at fault; the same step may succeed later',
  refused: 'a peer or the market refused; nobody is blamed, another peer is tried',
  bug: 'a fault of the program; no peer is blamed'
} as const

export type ErrorKind = keyof typeof KINDS

interface ErrorRow {
  exit: Exit
  kind: ErrorKind
  meaning: string
}

/** All error codes, each with its exit code, its kind and its meaning. */
export const ERRORS = {
  BAD_ANSWER: { exit: 1, kind: 'peer', meaning: "a peer's answer does not fit the agreement" },
  BAD_BLOB: { exit: 1, kind: 'peer', meaning: 'a blob of a job is not the one that was agreed' },
  BAD_PEER: { exit: 1, kind: 'peer', meaning: 'a peer broke the agreement' },
  BLOCK_MISSING: { exit: 1, kind: 'ours', meaning: 'a block that this node stores cannot be found' },
  BLOCK_TOO_LARGE: { exit: 1, kind: 'peer', meaning: 'a buyer uploads a block over the size limit' },
  BUDGET: { exit: 1, kind: 'passing', meaning: 'a relay accepts no more orders from us for now' },
  CANCELLED: { exit: 1, kind: 'input', meaning: 'the job was cancelled by its owner' },
  CLOSED: { exit: 1, kind: 'ours', meaning: 'a part of the node was closed during the work' },
  CLOSING: { exit: 1, kind: 'passing', meaning: 'the core is being removed from the shelf' },
  CORE_FORKED: { exit: 1, kind: 'peer', meaning: 'a buyer uploads two histories of one core' },
  CORE_TOO_LARGE: { exit: 1, kind: 'peer', meaning: 'a buyer uploads a larger core than was agreed' },
  DECLINED: { exit: 1, kind: 'refused', meaning: 'a peer declined; the message gives its reason' },
  DISK_FULL: { exit: 1, kind: 'ours', meaning: 'the disk is full' },
  FAILED: { exit: 1, kind: 'ours', meaning: 'the command failed for the reason in the message' },
  FALSE_KEY: { exit: 1, kind: 'peer', meaning: 'a provider sold a key that decrypts nothing' },
  FORGED: { exit: 1, kind: 'peer', meaning: 'a peer showed a market with a wrong signature' },
  INCOMPLETE: { exit: 1, kind: 'passing', meaning: 'the upload is not complete' },
  INTERNAL: { exit: 1, kind: 'bug', meaning: 'a fault of the program; BUSHEL_DEBUG=1 shows where' },
  INVOICE_FAILED: { exit: 1, kind: 'ours', meaning: 'the wallet could not create an invoice' },
  IN_PROGRESS: { exit: 1, kind: 'input', meaning: 'this path is already being mirrored' },
  JOB_FAILED: { exit: 1, kind: 'peer', meaning: 'a provider gave up a job that was being paid' },
  JOB_OVER: { exit: 1, kind: 'refused', meaning: 'the job has already ended' },
  LAPSED: { exit: 1, kind: 'refused', meaning: 'the agreement expired before its first payment' },
  LATE: { exit: 1, kind: 'peer', meaning: 'a provider answers and does not continue a job' },
  MALFORMED: { exit: 1, kind: 'peer', meaning: 'a peer sent a malformed message' },
  MARKET_BROKEN: { exit: 1, kind: 'peer', meaning: 'what was written to the market cannot be read' },
  MARKET_NOT_REACHED: { exit: 1, kind: 'passing', meaning: 'no node of the market answered' },
  NAMES_CLASH: { exit: 1, kind: 'input', meaning: 'two names of the drive are the same on this disk' },
  NODE_GONE: { exit: 1, kind: 'passing', meaning: 'the running node stopped before it answered' },
  NODE_UNREACHABLE: { exit: 1, kind: 'ours', meaning: 'the control socket of the node cannot be opened' },
  NOT_BEGUN: { exit: 1, kind: 'refused', meaning: 'a provider left a job before its first payment' },
  NOT_RUNNING: { exit: 1, kind: 'input', meaning: 'the command needs `bushel up`, which is not running' },
  NO_BUBBLEWRAP: { exit: 1, kind: 'ours', meaning: 'bubblewrap is required and does not work here' },
  NO_DEAL: { exit: 1, kind: 'refused', meaning: "a peer's identity, clock or network does not fit" },
  NO_RELAY: { exit: 1, kind: 'passing', meaning: 'no relay of the market can be reached' },
  OLD_HOME: { exit: 1, kind: 'ours', meaning: 'this home was restored from an older copy' },
  ORDER_REFUSED: { exit: 1, kind: 'refused', meaning: 'the market refused the order; see the message' },
  PACK_EXISTS: { exit: 1, kind: 'input', meaning: 'a drive with this name already exists' },
  PEER_GONE: { exit: 1, kind: 'passing', meaning: 'a peer disconnected' },
  PEER_UNREACHABLE: { exit: 1, kind: 'passing', meaning: 'no connection to a peer could be made' },
  SANDBOX_FAILED: { exit: 1, kind: 'ours', meaning: 'the sandbox process could not be started' },
  STALLED: { exit: 1, kind: 'passing', meaning: 'nothing more came from a peer in time' },
  STORE_FAILED: { exit: 1, kind: 'ours', meaning: 'the store cannot be written' },
  TABLE_FULL: { exit: 1, kind: 'ours', meaning: 'a table of the store has reached its bound' },
  TAKEN_OVER: {
    exit: 1,
    kind: 'input',
    meaning: 'another device has what this one bought'
  },
  TIMEOUT: { exit: 1, kind: 'passing', meaning: 'a peer did not answer in time' },
  UNEXPECTED: { exit: 1, kind: 'peer', meaning: 'a peer sent a request that is not allowed now' },
  UNSAFE_DRIVE: { exit: 1, kind: 'peer', meaning: 'nothing of the drive can be restored' },
  UNSAFE_OUTPUT: { exit: 1, kind: 'peer', meaning: 'the output of a job would write outside its folder' },
  UPLOAD_STALLED: { exit: 1, kind: 'peer', meaning: 'a provider answers and takes no more of an upload' },
  WALLET_CLOSED: { exit: 1, kind: 'ours', meaning: 'the wallet was closed during the work' },
  WRONG_OUTPUT: { exit: 1, kind: 'peer', meaning: 'a provider sold another output than it had stated' },
  ALREADY_RUNNING: { exit: 2, kind: 'ours', meaning: 'another process is using this home' },
  BAD_BOOTSTRAP: { exit: 2, kind: 'input', meaning: '--bootstrap is not a list of HOST:PORT' },
  BAD_CONFIG: { exit: 2, kind: 'ours', meaning: 'a file of the home is damaged or missing' },
  BAD_DEST: { exit: 2, kind: 'input', meaning: 'the destination cannot be written' },
  BAD_EXPORT: { exit: 2, kind: 'input', meaning: 'the file is not the export of a mirror, or is damaged' },
  BAD_HOME: { exit: 2, kind: 'input', meaning: 'the path cannot be used as a home' },
  BAD_INPUT: {
    exit: 2,
    kind: 'input',
    meaning: 'a parameter, amount, price, size or time is invalid'
  },
  BAD_KEY: { exit: 2, kind: 'input', meaning: 'a key or an id is invalid' },
  BAD_LINK: { exit: 2, kind: 'input', meaning: 'the link is invalid' },
  BAD_MODULE: { exit: 2, kind: 'input', meaning: 'the program is not a valid WebAssembly module' },
  BAD_NAME: { exit: 2, kind: 'input', meaning: 'a name cannot be used' },
  BAD_ORDER: { exit: 2, kind: 'input', meaning: 'the order breaks the rules of every market' },
  BAD_PATH: { exit: 2, kind: 'input', meaning: 'a file or folder does not exist or cannot be read' },
  BAD_RECEIPT: { exit: 2, kind: 'input', meaning: 'the file is neither a receipt nor evidence' },
  BAD_REQUEST: { exit: 2, kind: 'input', meaning: 'the running node did not understand the command' },
  BAD_RULES: { exit: 2, kind: 'input', meaning: 'the rules of the market are invalid' },
  BAD_STORE: { exit: 2, kind: 'ours', meaning: 'the store is damaged' },
  BAD_WORDS: { exit: 2, kind: 'input', meaning: 'the words are not the 24 words of an identity' },
  BOOK_COPIED: { exit: 2, kind: 'ours', meaning: 'a copied home may not write to its market' },
  CONSENT_NEEDED: {
    exit: 2,
    kind: 'input',
    meaning: 'real money, or much paid ahead, needs your consent'
  },
  CORRUPT: { exit: 2, kind: 'ours', meaning: 'a file of the order book is damaged' },
  DRIVE_TOO_LARGE: { exit: 2, kind: 'input', meaning: 'the files of the link are larger than is allowed' },
  FILE_CHANGED: { exit: 2, kind: 'input', meaning: 'a file changed each time that it was read' },
  FILE_EXISTS: { exit: 2, kind: 'input', meaning: 'a different file already exists at the destination' },
  HOME_EXISTS: { exit: 2, kind: 'input', meaning: '`init` found a home, or a folder that is not empty' },
  INVOICE_CONFLICT: { exit: 2, kind: 'ours', meaning: 'the hash already has an invoice for something else' },
  IN_THE_WAY: { exit: 2, kind: 'input', meaning: 'a file exists where a folder must go, or vice versa' },
  MARKET_EXISTS: { exit: 2, kind: 'input', meaning: 'a market with this name is already joined' },
  NOT_FOUNDER: { exit: 2, kind: 'input', meaning: 'only the founder of the market can do that' },
  NO_HOME: { exit: 2, kind: 'input', meaning: 'there is no home at the path' },
  NO_SPACE: {
    exit: 2,
    kind: 'ours',
    meaning: 'this machine has less than is offered'
  },
  OLD_FORMAT: { exit: 2, kind: 'ours', meaning: 'the home was written by an earlier version' },
  PORT_IN_USE: { exit: 2, kind: 'ours', meaning: 'another process uses the port' },
  STORE_TOO_NEW: { exit: 2, kind: 'ours', meaning: 'the home was written by a later version' },
  TOO_LARGE: { exit: 2, kind: 'input', meaning: 'more than a job or a link takes' },
  UNKNOWN_METHOD: { exit: 2, kind: 'input', meaning: 'no such call, or the node has another version' },
  UNSAFE_FOLDER: { exit: 2, kind: 'ours', meaning: 'others can open the home, or the socket folder' },
  USAGE: { exit: 2, kind: 'input', meaning: 'unknown command or option, or missing argument' },
  WALLET_BUSY: { exit: 2, kind: 'ours', meaning: 'another process is using the wallet' },
  WALLET_CORRUPT: { exit: 2, kind: 'ours', meaning: "the wallet's data is damaged" },
  WALLET_IN_USE: { exit: 2, kind: 'input', meaning: 'a lease or payment still needs the present wallet' },
  WHICH_MARKET: { exit: 2, kind: 'input', meaning: 'several markets are joined and none is chosen' },
  JOB_NOT_FOUND: { exit: 3, kind: 'input', meaning: 'this node has no such job' },
  LEASE_NOT_FOUND: { exit: 3, kind: 'input', meaning: 'this node has no such lease' },
  LINK_NOT_FOUND: { exit: 3, kind: 'passing', meaning: 'no node that has the drive was found' },
  MARKET_NOT_FOUND: { exit: 3, kind: 'input', meaning: 'no such market is joined' },
  NOT_FOUND: { exit: 3, kind: 'input', meaning: 'it was not found' },
  ORDER_NOT_FOUND: { exit: 3, kind: 'input', meaning: 'this node has no such order' },
  RECEIPT_NOT_FOUND: { exit: 3, kind: 'input', meaning: 'the lease has no such paid installment' },
  COPIES_SHORT: { exit: 4, kind: 'refused', meaning: 'fewer copies are stored than were asked for' },
  NO_OFFER: { exit: 4, kind: 'refused', meaning: 'too few offers match, or none does' },
  PRICE_ROSE: { exit: 4, kind: 'refused', meaning: 'a provider quotes more than its offer on the book' },
  PRICE_TOO_LOW: { exit: 4, kind: 'refused', meaning: 'offers match, but all at higher prices' },
  ALREADY_PAID: { exit: 5, kind: 'refused', meaning: 'this was already paid; nothing was paid now' },
  INVOICE_EXPIRED: { exit: 5, kind: 'refused', meaning: 'the invoice has expired; nothing was paid' },
  INVOICE_NETWORK: { exit: 5, kind: 'peer', meaning: 'the invoice is for another network; nothing was paid' },
  INVOICE_REFUSED: { exit: 5, kind: 'peer', meaning: 'the invoice is not the agreed one; nothing was paid' },
  JOB_UNPAID: { exit: 5, kind: 'refused', meaning: 'a segment of a job was not paid in time' },
  NO_AMOUNT: { exit: 5, kind: 'input', meaning: 'the invoice names no amount; nothing was paid' },
  NO_BALANCE: { exit: 5, kind: 'ours', meaning: "the wallet's balance is too small" },
  NO_DEBT: { exit: 5, kind: 'passing', meaning: 'the debt is smaller than the refund asked for' },
  NO_INBOUND: { exit: 5, kind: 'ours', meaning: 'the Lightning node can receive too little' },
  NO_ROUTE: { exit: 5, kind: 'passing', meaning: 'no route to the other Lightning node was found' },
  OVER_LIMIT: { exit: 5, kind: 'ours', meaning: 'over a spending limit; nothing was paid' },
  PAYMENT_FAILED: { exit: 5, kind: 'refused', meaning: 'a payment failed' },
  PAYMENT_PENDING: { exit: 5, kind: 'passing', meaning: 'a payment is still in flight' },
  INSTALLMENT_REFUSED: {
    exit: 5,
    kind: 'refused',
    meaning: 'the payee no longer accepts this payment hash'
  },
  WALLET_FAILED: { exit: 5, kind: 'ours', meaning: 'the Lightning node refused, or did not start' },
  WALLET_GONE: { exit: 5, kind: 'ours', meaning: 'the Lightning node stopped before it answered' },
  WALLET_SYNCING: { exit: 5, kind: 'ours', meaning: 'the Lightning node is still syncing; nothing was paid' },
  WALLET_TIMEOUT: { exit: 5, kind: 'ours', meaning: 'the Lightning node did not answer in time' },
  WALLET_UNREACHABLE: { exit: 5, kind: 'ours', meaning: 'no Lightning node answers at the configured path' },
  WRONG_NETWORK: { exit: 5, kind: 'ours', meaning: 'it is for another Lightning network; nothing was paid' },
  WRONG_NODE: { exit: 5, kind: 'ours', meaning: 'another Lightning node answers; nothing was paid' },
  INTERRUPTED: { exit: 130, kind: 'input', meaning: 'stopped by a signal' }
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof ERRORS

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code)
}
