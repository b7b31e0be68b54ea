import type { CoreLimit, PaidUntil, Terms } from '#spec'
import { billedBytes } from '../../../contracts/money/money.js'
import { DAY } from '../../../contracts/money/quantity.js'

/** What was fetched under a lease of the account of its readers, and of that of its owner, bytes. */
export interface EgressAccounts {
  readers: number
  owner: number
}

export const UNREAD: EgressAccounts = { readers: 0, owner: 0 }

/** A size, with some blocks that come twice. */
const SIZES_OF_OWNER = 1.1
/** How long after its first use the owner's account is refilled, ms. Nothing is served in a time that is not paid. */
export const OWNER_REFILLED = 90 * DAY

/** The two counts as a provider says them. */
type EgressClaim = Pick<PaidUntil, 'egressBytes' | 'ownerBytes'>

export function claimOf({ readers, owner }: EgressAccounts): EgressClaim {
  return { egressBytes: readers, ownerBytes: owner }
}

/** A count of 0 is not sent. */
export function accountsOf({ egressBytes, ownerBytes }: EgressClaim): EgressAccounts {
  return { readers: egressBytes ?? 0, owner: ownerBytes ?? 0 }
}

/** Whether a provider claims that more was fetched than was agreed. */
export function claimsTooMuch({ egressBytes, cores }: Terms, { readers, owner }: EgressAccounts): boolean {
  return readers > egressBytes || owner > ownerEgressOf(cores)
}

/** What is left of both accounts of a lease by the last word of its provider, bytes. */
export function egressLeftOf(
  { egressBytes, cores }: Terms,
  { readers, owner }: EgressAccounts
): EgressAccounts {
  return {
    readers: Math.max(0, egressBytes - readers),
    owner: Math.max(0, ownerEgressOf(cores) - owner)
  }
}

/** What the owner of these cores may fetch without using up what readers may, bytes. */
export function ownerEgressOf(cores: readonly CoreLimit[]): number {
  return Math.floor(SIZES_OF_OWNER * Number(billedBytes([...cores])))
}
