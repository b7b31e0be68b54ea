import type { Lease, MirrorJob } from '#spec'
import { chargeOf } from '../../../../contracts/money/installments.js'
import { SAT, ceilDiv, least, most } from '../../../../contracts/money/money.js'
import type { Msat } from '../../../../contracts/money/money.js'
import { DAY } from '../../../../contracts/money/quantity.js'
import type { Leases } from '../../lease/leases.js'

/** How far ahead each copy of a mirror is paid. */
export interface Ahead {
  /** The most for one copy, msat. */
  shareMsat: Msat
  /** What the owner said, ms; null: by what the provider has served so far. */
  statedMs: number | null
}

/** A lease whose time is paid. */
interface PaidTime {
  chargeMsat: Msat
  /** ms. */
  time: number
  /** For how long its provider has served copies of ours whose audits held, ms. */
  servedMs: number
}

/** The longest that is paid ahead unless the owner says otherwise, ms. */
const USUAL = 30 * DAY
/** What a provider that has served nothing is trusted with. */
const TRUSTED_MSAT = 1000n * SAT
/** Largest part of the whole charge that one installment may be. */
const LARGEST_PART = 100n

export function aheadIn({ prepayMaxMsat, copies, ahead }: AheadFields): Ahead {
  return { shareMsat: prepayMaxMsat / BigInt(copies), statedMs: ahead || null }
}

type AheadFields = Pick<MirrorJob, 'prepayMaxMsat' | 'copies' | 'ahead'>

/**
 * For how long ahead a lease is paid, ms. Without a word of the owner 30 days; but to a provider that is not proven yet no more
 * than 1,000 sat, or as long as it has served under audits that held, whichever is more.
 */
export function aheadTime({ shareMsat, statedMs }: Ahead, { chargeMsat, time, servedMs }: PaidTime): number {
  const boughtBy = (msat: Msat): number =>
    chargeMsat > 0n ? Number((msat * BigInt(time)) / chargeMsat) : time
  const wanted = statedMs ?? Math.min(USUAL, Math.max(boughtBy(TRUSTED_MSAT), servedMs))
  return Math.min(wanted, boughtBy(shareMsat))
}

/** For how long ahead a lease of a mirror is paid, ms. */
export function aheadOfLease(job: AheadFields, lease: Lease, leases: Leases): number {
  const { terms } = lease
  const servedMs = leases.servedUnder(lease)
  return aheadTime(aheadIn(job), { chargeMsat: chargeOf(terms), time: terms.time, servedMs })
}

/** The most that is paid ahead for a lease, msat: what `aheadTime` costs. */
export function aheadShare(ahead: Ahead, lease: PaidTime): Msat {
  const { chargeMsat, time } = lease
  const ms = aheadTime(ahead, lease)
  if (chargeMsat <= ahead.shareMsat && ms >= time) return chargeMsat
  return least(ahead.shareMsat, ceilDiv(chargeMsat * BigInt(Math.floor(ms)), BigInt(time)))
}

/**
 * The most that a provider may want at once, msat: an installment that ends later than `aheadTime` is paid before the one before it
 * is over.
 */
export function largestInstallment(chargeMsat: Msat): Msat {
  return most(TRUSTED_MSAT / 2n, chargeMsat / LARGEST_PART)
}

/** The most that may have to be paid before anything is served, msat: a first installment, or the least that a route carries. */
export function mostAtFirst(ahead: Ahead, lease: PaidTime): Msat {
  return least(ahead.shareMsat, most(aheadShare(ahead, lease), TRUSTED_MSAT / 2n))
}
