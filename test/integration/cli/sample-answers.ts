import { formatLink } from '../../../contracts/keys/link.js'

// Answers of a node, as the commands print them.

export const DAY = 86_400_000
/** Two keys as they are printed. */
export const [a, b] = ['y'.repeat(52), 'b'.repeat(51) + 'y'] // keys in z-base-32: the last bits are zero
export const link = formatLink({ key: Buffer.alloc(32, 1), encryptionKey: Buffer.alloc(32, 2) })
export const mirrored = {
  id: 'ab'.repeat(16),
  name: 'films',
  paidUntil: 2 * DAY,
  kept: false,
  link,
  files: 2,
  bytes: 3000,
  storedBytes: 4096,
  copies: 2,
  leases: [a, b],
  chargeMsat: '200000',
  paidMsat: '123456',
  feesMsat: '7',
  atRiskMsat: '123000',
  seconds: { pack: 0.5, upload: 1.25 }
}
export const mirrorEntry = {
  id: 'ab'.repeat(16),
  name: 'films of the year before the last one',
  path: '/home/somebody/films of the year before the last one',
  bytes: 3000,
  copies: { wanted: 3, healthy: 1, failing: 1 },
  paidUntil: DAY,
  ends: 2 * DAY,
  monthMsat: '200000',
  atRiskMsat: '123000',
  next: { what: 'end', at: 2 * DAY }
}
export const copy = {
  id: a,
  provider: b,
  state: 'STORED',
  health: 'failing',
  why: 'it has left an audit unanswered for a day',
  price: '20480000',
  lastAudit: DAY,
  unseen1pct: 0.3,
  unseen01pct: 0.9,
  paidUntil: DAY,
  ends: 2 * DAY,
  egress: { readers: 3e9, owner: 1.1e9 }
}
export const record = {
  direction: 'sent',
  at: DAY,
  msat: '5000',
  feeMsat: '1',
  status: 'succeeded',
  hash: 'ab'.repeat(32),
  description: '',
  kind: 'installment',
  agreement: b,
  installment: 3
}
export const lease = {
  id: a,
  role: 'buyer',
  device: b,
  identity: a,
  bytes: 5_000_000,
  until: DAY,
  ends: DAY,
  state: 'STORED',
  paidMsat: '12345',
  earnedMsat: '0',
  payments: 3,
  receipts: []
}

export const status = {
  identity: a,
  device: b,
  pid: 1,
  network: 'play-1',
  wallet: { state: 'down', reason: 'it ended with SIGSEGV' },
  market: null,
  peers: 3,
  reachability: {
    reach: 'symmetric',
    text: 'behind a router',
    host: '203.0.113.1',
    port: null,
    forwarders: 1,
    forwarded: 2,
    forwards: true,
    forwardsFor: 1,
    forwardedBytes: 3000
  },
  resources: {
    storage: { facts: { usedBytes: 1 }, lines: [{ label: 'shelf', text: '1 B on disk' }] },
    compute: { facts: { paused: true }, lines: [{ label: 'jobs', text: '3 bought; PAUSED' }] }
  },
  strangers: [
    { bound: 'frames', text: 'frames of strangers', unit: 'bytes', used: 2_000_000, most: 33_554_432 },
    { bound: 'uploads', text: 'uploads', unit: 'places', used: 0, most: 16 }
  ],
  notes: ['a note']
}

export const provider = {
  device: b,
  identity: a,
  agreement: a,
  fuel: '1234567890123',
  hash: 'ab'.repeat(64),
  paid: '45000',
  verdict: 'equal',
  note: 'a note that is far too long to stand in a table of eighty columns'
}
export const result = {
  id: a,
  status: 'ok',
  limit: null,
  reason: '',
  exitCode: 0,
  fuel: '1234567890123',
  hash: 'ab'.repeat(64),
  out: null,
  paidMsat: '45000',
  feesMsat: '3',
  providers: [provider],
  evidence: [],
  seconds: 12.5
}
export const jobEntry = {
  id: a,
  name: 'a program with a name that is longer than a table is wide, by far.wasm',
  created: DAY,
  state: 'RUNNING',
  status: null,
  exitCode: null,
  fuel: '1234567890123',
  hash: 'ab'.repeat(64),
  kept: true,
  paidMsat: '45000',
  providers: [provider]
}
