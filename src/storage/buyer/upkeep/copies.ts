import type { Lease, MirrorJob } from '#spec'
import { most } from '../../../../contracts/money/money.js'
import { LEASE, isGivenUp } from '../../lease/lease-state.js'
import { ENDED_BY_OWNER } from '../../lease/leases.js'
import type { Leases } from '../../lease/leases.js'
import { leasesOf } from '../mirror-names.js'

/** How the copies of a mirror stand. */
export interface Copies {
  /** All leases that it ever had. */
  all: Lease[]
  /** Those that are kept or begun, and do not fail, without those that follow one of them. */
  living: Lease[]
  /** Those that fail their audits, are gone, or were lost before their end. */
  failed: Lease[]
  /** How many are missing of those that its owner wants. */
  missing: number
}

/** The copies of a mirror at `now`, ms since 1970. A copy that its owner has ended is not missing. */
export function copiesOf(job: MirrorJob, leases: Leases, now: number): Copies {
  const all = leasesOf(job, leases)
  const failed = all.filter(lease => leases.hasFailed(lease, now))
  const living = all.filter(lease => !isGivenUp(lease) && !failed.includes(lease) && !isFollower(lease))
  const ended = all.filter(lease => isGivenUp(lease) && lease.reason?.startsWith(ENDED_BY_OWNER)).length
  return { all, living, failed, missing: Math.max(0, job.copies - ended - living.length) }
}

/** Whether a lease follows another one and has not begun. */
export function isFollower({ terms, state }: Lease): boolean {
  return Boolean(terms.follows) && state !== LEASE.STORED
}

/** Those from which a lost copy can be fetched: they are stored and have answered their audits. */
export function sourcesOf({ living }: Copies, leases: Leases): Lease[] {
  return living.filter(lease => lease.state === LEASE.STORED && leases.health(lease) === 'healthy')
}

/** Without a highest price of its owner, a copy that the node buys by itself costs at most so many times the dearest one. */
const DEAREST = 2n

/** The highest price at which this node buys a copy of a mirror by itself, msat. */
export function priceCeiling({ all }: Pick<Copies, 'all'>, maxPrice: bigint | null | undefined): bigint {
  return maxPrice || DEAREST * most(1n, ...all.map(({ terms }) => terms.price!))
}
