import type { Lease } from '#spec'
import { agreementId } from '../../../contracts/terms.js'
import type { Logger } from '../../base/logger.js'
import { LEASE, isGivenUp, leaseStates } from './lease-state.js'
import type { LeaseState, LeaseStateName } from './lease-state.js'

/** What has happened to a lease that has come to a state. */
const HAPPENED: Record<LeaseStateName, string> = {
  AGREED: 'lease agreed',
  COUNTERSIGNED: 'lease agreed',
  BOUND: 'lease bound',
  ACTIVE: 'lease active',
  NEXT: 'next lease sealed',
  STORED: 'lease sealed',
  GRACE: 'lease unpaid',
  LAPSING: 'lease given up',
  ENDED: 'lease ended',
  VOID: 'lease void'
}

/** Says that a lease has come to another state, which is on disk. */
export function logLease(log: Logger, lease: Lease, before: LeaseState | null): void {
  const { role, state, terms, reason } = lease
  const paidAgain = before === LEASE.GRACE && state === LEASE.STORED
  const hasBegun = before === LEASE.NEXT && state === LEASE.STORED
  log.info(
    paidAgain ? 'lease served again' : hasBegun ? 'next lease begun' : HAPPENED[leaseStates.nameOf(state)],
    {
      lease: agreementId(terms),
      role,
      peer: (role === 'buyer' ? terms.provider : terms.buyer).device,
      bytes: terms.cores.reduce((sum, core) => sum + core.byteLength, 0),
      ...(isGivenUp(lease) ? { reason } : {})
    }
  )
}
