import type { Lease, MirrorJob } from '#spec'
import { most } from '../../../../contracts/money/money.js'
import { agreementId } from '../../../../contracts/terms.js'
import { LEASE, isGivenUp } from '../../lease/lease-state.js'
import { ENDED_BY_OWNER, endOf } from '../../lease/leases.js'
import type { Leases } from '../../lease/leases.js'
import { leasesOf } from '../mirror-names.js'

/** How the copies of a mirror stand. */
export interface Copies {
  /** All leases that it ever had, in the order in which they were agreed. */
  all: Lease[]
  /** Those that are kept or begun, and do not fail, without those that follow one of them. */
  living: Lease[]
  /** Those that fail their audits, are gone, or were lost before their end after something was paid. */
  failed: Lease[]
  /** How many of those that were lost are to be replaced. */
  missing: number
}

/** The copies of a mirror at `now`, ms since 1970. What was served to its end, or ended by its owner, is not missing. */
export function copiesOf(job: MirrorJob, leases: Leases, now: number): Copies {
  const all = leasesOf(job, leases)
  const isOpen = (id: Buffer | null | undefined): boolean => {
    const before = id ? leases.get('buyer', id) : null
    return before !== null && !isGivenUp(before)
  }
  const isFollower = ({ terms, state }: Lease): boolean => state === LEASE.NEXT || isOpen(terms.follows)
  const isLost = (lease: Lease): boolean => lease.committed > 0 && leases.hasFailed(lease, now)
  const failed = all.filter(lease => isLost(lease) && !isFollower(lease))
  const living = all.filter(lease => !isGivenUp(lease) && !failed.includes(lease) && !isFollower(lease))
  const ended = all.filter(lease => isEnded(lease) && !isFollower(lease)).length
  const missing = Math.max(0, Math.min(failed.length, job.copies - ended - living.length))
  return { all, living, failed, missing }
}

/** Whether a copy was ended by its owner. */
function isEnded(lease: Lease): boolean {
  return isGivenUp(lease) && lease.committed > 0 && lease.reason?.startsWith(ENDED_BY_OWNER) === true
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
