import type { Lease, MirrorJob } from '#spec'
import { most } from '../../../../contracts/money/money.js'
import { agreementId } from '../../../../contracts/terms.js'
import { LEASE, isGivenUp } from '../../lease/lease-state.js'
import { ENDED_BY_OWNER, SERVED, endOf } from '../../lease/leases.js'
import type { Leases } from '../../lease/leases.js'
import { leasesOf } from '../mirror-names.js'

/** How the copies of a mirror stand. A copy is a lease with those that follow it, as its last one that has begun. */
export interface Copies {
  /** All leases that it ever had, in the order in which they were agreed. */
  all: Lease[]
  /** Copies that are kept or begun, and do not fail. */
  living: Lease[]
  /** Copies that fail their audits, are gone, or were lost before their end after something was paid. */
  failed: Lease[]
  /** Copies that were served to their end and are kept in their grace: they can still be extended. */
  grace: Lease[]
  /** How many of those that were lost are to be replaced. */
  missing: number
}

type Standing = 'living' | 'failed' | 'served' | 'ended' | 'nothing'

/** The copies of a mirror at `now`, ms since 1970. What was served to its end, or ended by its owner, is not missing. */
export function copiesOf(job: MirrorJob, leases: Leases, now: number): Copies {
  const all = leasesOf(job, leases)
  const ids = new Set(all.map(({ terms }) => agreementId(terms).toString('hex')))
  const isFirst = ({ terms: { follows } }: Lease): boolean => !follows || !ids.has(follows.toString('hex'))
  const copies = all.filter(isFirst).map(lease => begunLast(lease, all))
  const are = (standing: Standing): Lease[] =>
    copies.filter(lease => standingOf(lease, leases, now) === standing)
  const [living, failed, served, ended] = [are('living'), are('failed'), are('served'), are('ended')]
  const wanted = job.copies - served.length - ended.length
  const missing = Math.max(0, Math.min(failed.length, wanted - living.length))
  const isInGrace = (lease: Lease): boolean => now < endOf(lease) + lease.terms.grace
  return { all, living, failed, grace: served.filter(isInGrace), missing }
}

/** Of a lease and those that follow it, the last one that has begun. */
function begunLast(lease: Lease, all: readonly Lease[]): Lease {
  if (lease.reason !== SERVED) return lease
  const id = agreementId(lease.terms)
  const next = all.find(({ terms, start }) => start > 0 && terms.follows?.equals(id))
  return next ? begunLast(next, all) : lease
}

function standingOf(lease: Lease, leases: Leases, now: number): Standing {
  if (leases.hasFailed(lease, now)) return lease.committed > 0 ? 'failed' : 'nothing'
  if (!isGivenUp(lease)) return 'living'
  if (lease.reason === SERVED) return 'served'
  if (lease.committed === 0) return 'nothing'
  return lease.reason?.startsWith(ENDED_BY_OWNER) ? 'ended' : 'nothing'
}

/** Those from which a lost copy can be fetched: they are stored and have answered their audits. */
export function sourcesOf({ living }: Copies, leases: Leases): Lease[] {
  return living.filter(lease => lease.state === LEASE.STORED && leases.health(lease) === 'healthy')
}

/** A lease that runs, with the sealed one that follows it. */
function lastOf(lease: Lease, leases: Leases): Lease {
  const next = leases.successorOf('buyer', agreementId(lease.terms))
  return next?.state === LEASE.NEXT ? next : lease
}

/** When the copies end that are left, ms since 1970; 0 for none. */
export function lastEndOf({ living }: Copies, leases: Leases): number {
  const stored = living.filter(({ state }) => state === LEASE.STORED)
  return Math.max(0, ...stored.map(lease => endOf(lastOf(lease, leases))))
}

/** Without a highest price of its owner, a copy that the node buys by itself costs at most so many times the dearest one. */
const DEAREST = 2n

/**
 * The highest price at which this node buys a copy of a mirror by itself, msat. The price of what it bought by itself does not
 * count: it would rise from one to the next.
 */
export function priceCeiling(
  { copies }: Pick<MirrorJob, 'copies'>,
  { all }: Pick<Copies, 'all'>,
  maxPrice: bigint | null | undefined
): bigint {
  const bought = all.filter(({ committed, terms }) => committed > 0 && !terms.follows).slice(0, copies)
  return maxPrice || DEAREST * most(1n, ...bought.map(({ terms }) => terms.price!))
}
