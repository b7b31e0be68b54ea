import type { Lease } from '#spec'
import { DAY } from '../../contracts/money/quantity.js'
import { uintCodec, tableMaker } from '../store/definition.js'
import type { AnyTable, Codec } from '../store/definition.js'
import { bytes, parts, text, uint } from '../store/key.js'
import { nameOf } from '../base/states.js'
import { MIRROR, isPacked } from './buyer/mirror-state.js'
import { LEASE, isOver } from './lease/lease-state.js'

const table = tableMaker('src/storage')

/** How long a lease that nobody paid is kept, ms: its invoices are refused, and it is no evidence of anything. */
const UNPAID_KEPT = 2 * DAY

/** The device of the other side. */
function otherOf({ role, terms }: Lease): Buffer {
  return (role === 'buyer' ? terms.provider : terms.buyer).device!
}

/** Leases by our role and agreement. Those that are over stay: they are the history of the home. */
export const leaseTable = table('leases', parts(text, bytes(32)), 'lease', {
  indexes: index => ({
    /** By role; without the leases that are over. */
    open: index(text, lease => (isOver(lease) ? null : lease.role)),
    /** By role and state; without the leases that are over. */
    state: index(parts(text, text), lease => (isOver(lease) ? null : [lease.role, nameOf(lease.state)])),
    /** By the device of the other side; without the leases that are over. */
    device: index(bytes(32), lease => (isOver(lease) ? null : otherOf(lease))),
    /** By the device of a buyer, of leases that were paid and are over. */
    customer: index(bytes(32), lease =>
      lease.role === 'provider' && isOver(lease) && lease.committed > 0 ? otherOf(lease) : null
    ),
    /** By their creation, provided leases that were over before anything was paid. */
    unpaid: index(uint, ({ role, state, created }) =>
      role === 'provider' && state === LEASE.VOID ? created : null
    ),
    /** By the hash of the seal, of leases that are kept for somebody. */
    seal: index(bytes(32), ({ role, stored, ...lease }) =>
      role === 'provider' && stored && !isOver(lease) ? stored.stored.seal : null
    ),
    created: index(uint, ({ created }) => created),
    /** By role and the lease that it follows; without the leases that are over. */
    follows: index(parts(text, bytes(32)), lease =>
      isOver(lease) || !lease.terms.follows ? null : [lease.role, lease.terms.follows]
    )
  }),
  unbounded: 'a new lease needs space, which its provider bounds, or the money of its buyer',
  forget: {
    text: 'two days after it was agreed, when its buyer never paid; others never: they are the history of the home',
    by: 'unpaid',
    after: UNPAID_KEPT
  }
})

/** By role and agreement, the earliest time at which an open lease may have something to be done. */
export const leaseDueTable = table('lease-dues', parts(text, bytes(32)), uintCodec, {
  indexes: index => ({ at: index(parts(text, uint), (at, [role]) => [role, at] as const) }),
  unbounded: 'one for each open lease',
  forget: 'when the lease is over'
})

/** By agreement, the open challenge of a copy that this node bought, and since when its provider is silent or away. */
export const auditTable = table('lease-audits', bytes(32), 'audit-record', {
  unbounded: 'one for each open lease of the owner',
  forget: 'when the lease is over'
})

/** By mirror and set of audit tokens, the copy that it is used for, and the first day whose token is not used. */
export const tokenTable = table('audit-tokens', parts(text, uint), 'token-set', {
  indexes: index => ({ lease: index(bytes(32), ({ lease }) => lease) }),
  unbounded: 'one for each copy that a mirror has had',
  forget: 'when no copy of the mirror is left'
})

/** By agreement, what was fetched of the accounts of a copy that this node bought, by the last word of its provider. */
export const egressTable = table('lease-egress', bytes(32), 'egress-record', {
  unbounded: 'one for each open lease of the owner',
  forget: 'when the lease is over'
})

const sums = parts(uint, uint)

const sumCodec: Codec<{ live: number; bytes: number }> = {
  encode: ({ live, bytes }) => sums.write([live, bytes]),
  decode(encoded) {
    const [live, bytes] = sums.read(encoded, 0).key
    return { live, bytes }
  }
}

/** How long the buyer of a lease is waited for with what it has not heard, ms. */
const UNHEARD_KEPT = 90 * DAY

/** By agreement, the newest of what we as its provider have to say and the buyer has not acknowledged. */
export const outgoingNoticeTable = table('outgoing-notices', bytes(32), 'outgoing-notice', {
  indexes: index => ({
    /** By the identity of the buyer. */
    buyer: index(bytes(32), ({ buyer }) => buyer!),
    at: index(uint, ({ signed }) => signed.notice.at)
  }),
  unbounded: 'one for each paid lease that we have ended',
  forget: { text: 'when its buyer has acknowledged it, or 90 days later', by: 'at', after: UNHEARD_KEPT }
})

/** By agreement, the newest of what its provider has said of a lease that goes on, which this node bought. */
export const heardNoticeTable = table('heard-notices', bytes(32), 'signed-notice', {
  unbounded: 'one for each open lease of the owner',
  forget: 'when the lease is over'
})

/** By role, how many leases are live and how many bytes they reserve. */
export const leaseSumTable = table('lease-sums', text, sumCodec, {
  rows: 2,
  forget: 'never: a sum for each role'
})

/** The same for the leases that we provide under each of our asks. */
export const askSumTable = table('ask-sums', bytes(32), sumCodec, {
  unbounded: 'one for each ask with open leases',
  forget: 'when no lease of the ask is open'
})

/** What readers were sent of provided leases that are over, bytes. */
export const servedTable = table('served', text, uintCodec, { rows: 1, forget: 'never: a sum' })

/** Countersigned lists of installments after the first, by role, agreement and first installment. */
export const listTable = table('installment-lists', parts(text, bytes(32), uint), 'countersign', {
  unbounded: 'the installments of its lease bound them',
  forget: 'never: a list is part of the receipts of its payments'
})

/** Reissued installments by the new payment hash. */
export const reissueTable = table('reissues', bytes(32), 'reissue', {
  unbounded: 'each takes the place of an installment that expired unpaid',
  forget: 'never: a reissue is part of the receipt of its payment'
})

/** Mirrors by the name of the folder in which they are packed. */
export const mirrorTable = table('mirrors', text, 'mirror-job', {
  indexes: index => ({
    /** By state, of those whose packed drive is on disk. */
    packed: index(text, job => (isPacked(job) ? nameOf(job.state) : null)),
    bid: index(bytes(32), ({ bid }) => bid ?? null),
    /** By link, which the leases of its copies have too. */
    link: index(text, ({ link }) => link!),
    fingerprint: index(bytes(32), ({ state, fingerprint }) => (state === MIRROR.PACKED ? fingerprint! : null))
  }),
  unbounded: 'the owner asks for them',
  forget: 'when one was not placed and nothing was paid'
})

/** Accepted takeovers: which device has the leases of an earlier device of its identity, by the identity and that one. */
export const takeoverTable = table('takeovers', parts(bytes(32), bytes(32)), 'signed-takeover', {
  indexes: index => ({ to: index(bytes(32), ({ takeover }) => takeover!.to) }),
  unbounded: 'at most 64 of an identity that has paid for a lease here',
  forget: 'never: they say whose the leases are'
})

/** Takeovers by this device that its providers have not answered yet, by the provider and the device before. */
export const takingTable = table('takeovers-asked', parts(bytes(32), bytes(32)), 'signed-takeover', {
  unbounded: 'one for each provider of a mirror that the owner imports',
  forget: 'when the provider has answered'
})

/** Takeovers by which leases came to this device, one after the other, by the device before: whose signatures count for them. */
export const cameTable = table('takeovers-come', bytes(32), 'signed-takeover', {
  unbounded: 'one for each earlier device whose mirrors the owner imports',
  forget: 'never: they say by whom earlier counters are signed'
})

/** The takeover by which another device has what this one bought. */
export const leftTable = table('taken-over', text, 'signed-takeover', {
  rows: 1,
  forget: 'never: this device buys no storage any more'
})

export const STORAGE_TABLES = [
  leaseTable,
  leaseDueTable,
  auditTable,
  tokenTable,
  egressTable,
  outgoingNoticeTable,
  heardNoticeTable,
  leaseSumTable,
  askSumTable,
  servedTable,
  listTable,
  reissueTable,
  mirrorTable,
  takeoverTable,
  takingTable,
  cameTable,
  leftTable
] as readonly AnyTable[]
