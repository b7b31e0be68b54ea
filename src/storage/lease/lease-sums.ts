import type { Lease } from '#spec'
import { billedBytes } from '../../../contracts/money/money.js'
import type { Store } from '../../store/store.js'
import type { Transaction } from '../../store/transaction.js'
import {
  askSumTable,
  auditTable,
  egressTable,
  heardNoticeTable,
  leaseDueTable,
  leaseSumTable,
  leaseTable
} from '../tables.js'
import { LEASE, isLive, isOver } from './lease-state.js'

const ROLES = ['buyer', 'provider'] as const
const NONE = { live: 0, bytes: 0 }

/** How many leases of a role are live, and the bytes that they reserve; kept, not counted. */
export function sumsOf(store: Store, role: string): { live: number; bytes: number } {
  return store.table(leaseSumTable).get(role) ?? NONE
}

/** The same for the leases that we provide under one of our asks. */
export function sumsUnder(store: Store, ask: Buffer): { live: number; bytes: number } {
  return store.table(askSumTable).get(ask) ?? NONE
}

/** Sets a lease with the sums of its role; `followed` is the lease that it follows. It is due at once, because what is due depends on more than the lease. */
export function recordedWith(
  transaction: Transaction,
  key: [string, Buffer],
  lease: Lease,
  followed: Lease | null = null
): void {
  transaction.update(leaseTable, key, before => {
    addToSums(transaction, key[0], lease, { from: partOf(before, followed), to: partOf(lease, followed) })
    return lease
  })
  transaction.update(leaseDueTable, key, () => (isOver(lease) ? null : 0))
  if (!isOver(lease) || key[0] !== 'buyer') return
  transaction.update(auditTable, key[1], () => null)
  transaction.update(egressTable, key[1], () => null)
  transaction.update(heardNoticeTable, key[1], () => null)
}

/** Puts the part of a lease in the place of the part that it had. */
function addToSums(
  transaction: Transaction,
  role: string,
  lease: Lease,
  { from, to }: { from: typeof NONE; to: typeof NONE }
): void {
  if (from.live === to.live && from.bytes === to.bytes) return
  const add = (sums: typeof NONE | null): typeof NONE => {
    const { live, bytes } = sums ?? NONE
    return { live: live + to.live - from.live, bytes: bytes + to.bytes - from.bytes }
  }
  transaction.update(leaseSumTable, role, add)
  if (role !== 'provider') return
  transaction.update(askSumTable, lease.terms.ask!, sums => {
    const next = add(sums)
    return next.live > 0 ? next : null
  })
}

/**
 * The part of a lease in the sums of its role. One that follows another under the same ask is kept in the space of that until it
 * begins.
 */
function partOf(lease: Lease | null, followed: Lease | null): { live: number; bytes: number } {
  if (!lease || !isLive(lease)) return NONE
  const hasBegun = lease.state === LEASE.STORED || lease.state === LEASE.GRACE
  const shares = followed?.terms.ask!.equals(lease.terms.ask!) === true && !hasBegun
  return { live: 1, bytes: shares ? 0 : Number(billedBytes(lease.terms.cores)) }
}

/** Compares the kept sums and due times with the leases: a line for each problem. */
export function* problemsOfLeases(store: Store): Iterable<string> {
  const asks = new Map<string, typeof NONE>()
  for (const role of ROLES) {
    const counted = { live: 0, bytes: 0 }
    for (const { key, value } of store.table(leaseTable).by('open', { under: role })) {
      const { follows } = value.terms
      const followed = follows ? store.table(leaseTable).get([role, follows]) : null
      const { live, bytes } = partOf(value, followed)
      counted.live += live
      counted.bytes += bytes
      if (role === 'provider' && live > 0) {
        const id = value.terms.ask!.toString('hex')
        const sums = asks.get(id) ?? NONE
        asks.set(id, { live: sums.live + live, bytes: sums.bytes + bytes })
      }
      if (!store.table(leaseDueTable).has(key))
        yield `lease ${key[1].toString('hex')} (${role}) is open and has no time at which it is looked at`
    }
    const { live, bytes } = sumsOf(store, role)
    if (live !== counted.live || bytes !== counted.bytes)
      yield `${counted.live} leases (${role}) reserve ${counted.bytes} bytes, their sum says ${live} and ${bytes}`
  }
  const kept = [...store.table(askSumTable).list()].map(
    ({ key, value }) => [key.toString('hex'), value] as const
  )
  for (const [id, { live, bytes }] of [...asks, ...kept])
    if (sumsUnder(store, Buffer.from(id, 'hex')).bytes !== bytes || (asks.get(id) ?? NONE).live !== live)
      yield `the leases under ask ${id} reserve ${asks.get(id)?.bytes ?? 0} bytes, and their sum says otherwise`
  for (const { key } of store.table(leaseDueTable).list()) {
    const lease = store.table(leaseTable).get(key)
    if (!lease || isOver(lease))
      yield `lease ${key[1].toString('hex')} (${key[0]}) is not open and is looked at`
  }
}
