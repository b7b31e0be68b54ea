/** What a bound counts. */
export type BoundUnit = 'places' | 'bytes' | 'pages' | 'messages' | 'agreements' | 'ms'

/**
 * The most that peers can make this node hold or do. A fresh key costs nothing, so a bound for a peer is worth little
 * without one for its address (an IPv4 address, or a network of IPv6) and one for all strangers together. Null: the
 * other columns bound it.
 */
export interface Bound {
  /** What is bounded, for people. */
  text: string
  unit: BoundUnit
  peer: number | null
  address: number | null
  all: number | null
}

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

/**
 * Every bound for strangers, in one place. `docs/threat-model.md` has the same table, with the test that shows each; a test
 * compares the two. `bushel status` shows how much of each is used.
 */
export const BOUNDS = {
  connections: {
    text: 'connections of strangers',
    unit: 'places',
    peer: 1,
    address: 64,
    all: 256
  },
  unproven: {
    text: 'connections that nothing has come over yet, for at most 10 s each',
    unit: 'places',
    peer: 1,
    address: null,
    all: 128
  },
  dialled: {
    text: 'connections to peers that were found by a topic',
    unit: 'places',
    peer: 1,
    address: null,
    all: 128
  },
  frames: {
    text: 'frames of strangers that have begun and not ended; the slowest goes',
    unit: 'bytes',
    peer: 1 * MIB,
    address: null,
    all: 32 * MIB
  },
  unread: {
    text: 'answers that strangers have not read; who holds the most goes',
    unit: 'bytes',
    peer: 16 * MIB,
    address: null,
    all: 64 * MIB
  },
  channels: {
    text: 'channels of a connection, open or asked for',
    unit: 'places',
    peer: 512,
    address: null,
    all: null
  },
  pending: {
    text: 'messages for channels that are not open yet; who holds the most goes',
    unit: 'bytes',
    peer: 256 * KIB,
    address: null,
    all: 16 * MIB
  },
  proofs: {
    text: 'proofs of a connection that its peer knows a link, each a signature to verify; one more each second',
    unit: 'messages',
    peer: 256,
    address: null,
    all: null
  },
  sightings: {
    text: 'devices that a relay of a market remembers to have seen; the one gone for longest is forgotten',
    unit: 'places',
    peer: 1,
    address: 64,
    all: 4096
  },
  announced: {
    text: 'memory of 8 KiB for blocks that peers announce; who holds the most goes',
    unit: 'pages',
    peer: 640,
    address: null,
    all: 8192
  },
  requests: {
    text: 'requests of a channel that are answered at the same time',
    unit: 'messages',
    peer: 8,
    address: null,
    all: null
  },
  heldRequests: {
    text: 'requests that wait for their turn or are being answered',
    unit: 'bytes',
    peer: 512 * KIB,
    address: null,
    all: 32 * MIB
  },
  replies: {
    text: 'answers to strangers that are kept for two days; those beyond it are made anew when they are asked for again',
    unit: 'bytes',
    peer: 16 * KIB,
    address: 256 * KIB,
    all: 8 * MIB
  },
  partnerReplies: {
    text: 'answers to peers that pay or have paid, kept for two days; the oldest give way',
    unit: 'messages',
    peer: 1000,
    address: null,
    all: null
  },
  lightning: {
    text: 'Lightning of a stranger beyond 64 a second; what is over it ends the session',
    unit: 'bytes',
    peer: 64 * KIB,
    address: null,
    all: null
  },
  unusedChannels: {
    text: 'Lightning channels of others over which nothing was paid; the oldest gives way',
    unit: 'places',
    peer: 8,
    address: null,
    all: 256
  },
  unpaidLeases: {
    text: 'leases that are agreed and not paid',
    unit: 'agreements',
    peer: 8,
    address: 64,
    all: 256
  },
  uploads: {
    text: 'uploads that are taken in at the same time; one that stands still gives way',
    unit: 'places',
    peer: 8,
    address: null,
    all: 16
  },
  openCores: {
    text: 'cores on the shelf with open files, eight each; the one unused for longest is closed',
    unit: 'places',
    peer: null,
    address: null,
    all: 48
  },
  queuedJobs: {
    text: 'paid jobs that wait, beyond one for each core that is offered',
    unit: 'places',
    peer: null,
    address: null,
    all: 16
  },
  jobBytes: {
    text: 'inputs of waiting jobs and unpaid results',
    unit: 'bytes',
    peer: null,
    address: null,
    all: 4096 * MIB
  },
  unpaidJobs: {
    text: 'jobs that are agreed and not paid',
    unit: 'agreements',
    peer: 8,
    address: 64,
    all: 256
  },
  forwarding: {
    text: 'connections to the forwarder of a relay; one without a pair gives way',
    unit: 'places',
    peer: 64,
    address: 64,
    all: 256
  },
  forwardWaiting: {
    text: 'requests to a forwarder that wait for the other side, for at most 20 s each; the oldest of strangers gives way',
    unit: 'places',
    peer: 32,
    address: null,
    all: 128
  },
  forwarded: {
    text: 'bytes that a relay forwards; what is used up comes back slowly, and until then nothing more is forwarded',
    unit: 'bytes',
    peer: 4 * GIB,
    address: 8 * GIB,
    all: 64 * GIB
  }
} as const satisfies Record<string, Bound>

export type BoundName = keyof typeof BOUNDS

/** How much of some bounds is used. */
export type Used = Partial<Record<BoundName, number>>

/** Of a peer that pays, has paid, or is dialled: its largest frame, and the answers that it may leave unread, bytes. */
export const PARTNER_FRAME = 10 * MIB
export const PARTNER_UNREAD = 64 * MIB

const MINUTE = 60_000

/** Agreements before anything was paid for them. */
export const UNPAID = {
  /** How long one keeps its place when a stranger wants it, ms: a first payment may have to open a channel. */
  keepsMs: MINUTE,
  /** How long one stands at most, whatever its terms say, ms. */
  endsMs: 10 * MINUTE,
  /** How often strangers of one address, and all together, may agree; each leaves some KiB in the ledger for ever. */
  addressRate: { burst: 64, perSecond: 1 / 15 },
  allRate: { burst: 256, perSecond: 1 / 5 },
  /** Beside these, for networks of which nobody has agreed for a while: others cannot spend this. */
  newcomerRate: { burst: 64, perSecond: 1 / 5 },
  /** How often a network counts as new. */
  networkRate: { burst: 1, perSecond: 1 / 3600 }
} as const

/** What a stranger may send the play wallet: a session that stands costs some 15 bytes a second. */
export const LIGHTNING_RATE = { burst: BOUNDS.lightning.peer, perSecond: 64 } as const

/** Audit tokens of one lease that its provider answers: those of a long absence twice, then one in ten minutes. */
export const TOKEN_ANSWERS = { burst: 64, perSecond: 1 / 600 } as const

/** What a provider may tell unasked of one lease. */
export const NOTICES = { burst: 8, perSecond: 1 / 30 } as const

/** How often strangers of one address, and all together, may begin a connection. */
export const HANDSHAKES = {
  addressRate: { burst: 256, perSecond: 24 },
  allRate: { burst: 1024, perSecond: 128 }
} as const

/** What a forwarder forwards: at once, and in the long run, bytes. A device in all 42 GiB a day. */
export const FORWARDING = {
  peerRate: { burst: BOUNDS.forwarded.peer, perSecond: 512 * KIB },
  addressRate: { burst: BOUNDS.forwarded.address, perSecond: MIB },
  allRate: { burst: BOUNDS.forwarded.all, perSecond: 8 * MIB }
} as const

/** An upload that makes no progress for so long, ms, is given up, and its space is free. */
export const UNSEALED_STALLS = 120 * MINUTE

/** Bytes a second of an upload: what is slower is no progress, for its seller and for its buyer. */
export const UPLOAD_FLOOR = 16 * KIB
