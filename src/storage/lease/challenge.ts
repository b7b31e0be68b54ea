import type { Audit, AuditRecord, Lease } from '#spec'
import { DAY } from '../../../contracts/money/quantity.js'
import { isDeclined } from '../../deal/decline.js'
import { chooseAudit } from './audit.js'
import { LEASE } from './lease-state.js'

/** How often a copy is audited while its owner's node runs, ms. */
const EVERY = DAY
/** Blocks for each day since the last audit. In 30 days a loss of 1 % is found with 70 %, one of 0.1 % with 11 %. */
const BLOCKS_A_DAY = 4
/** Most blocks of one challenge: a provider sends 8 MiB, and a full block has some bytes more than 256 KiB. */
const MOST_BLOCKS = 31
/** A challenge that is open while its provider is reached so far apart is failed, ms. */
const SILENT = DAY
/** A provider that is not reached at two looks so far apart is gone, ms. */
const GONE = 3 * DAY

/** A copy as its audits show it; `failing` and `gone` are not paid on. */
export type Health = 'uploading' | 'healthy' | 'unanswered' | 'failing' | 'gone' | 'over'

/** When the next audit of a stored copy is due, ms since 1970. */
export function auditAt({ audited, start }: Lease, { challenge }: AuditRecord): number {
  return challenge ? 0 : (audited || start) + EVERY
}

/** The open challenge of a copy, or a new one for all days since the last audit. */
export function challengeOf(lease: Lease, { challenge }: AuditRecord, now: number): Audit {
  if (challenge) return challenge
  const days = Math.max(1, Math.floor((now - (lease.audited || lease.start)) / EVERY))
  return chooseAudit(lease.seal!.seal, Math.min(BLOCKS_A_DAY * days, MOST_BLOCKS))
}

/** After its provider was reached and did not answer the open challenge. */
export function notAnswered(record: AuditRecord, now: number, error: unknown): AuditRecord {
  const unanswered = record.unanswered || now
  const reached = { ...record, unanswered, unreachable: 0 }
  if (isDeclined(error, 'NO_SEAL')) return { ...reached, failing: 'it says that it does not have the copy' }
  if (now - unanswered < SILENT) return reached
  return { ...reached, failing: 'it has left an audit unanswered for a day' }
}

/** After its provider could not be reached. */
export function notReached(record: AuditRecord, now: number): AuditRecord {
  return record.unreachable ? record : { ...record, unreachable: now }
}

/** How the copy of a lease stands at `now`. */
export function healthOf({ state }: Lease, record: AuditRecord, now: number): Health {
  const { failing, unreachable, challenge } = record
  if (state === LEASE.LAPSING || state === LEASE.ENDED || state === LEASE.VOID) return 'over'
  if (state !== LEASE.STORED) return 'uploading'
  if (failing) return 'failing'
  if (unreachable && now - unreachable >= GONE) return 'gone'
  return challenge ? 'unanswered' : 'healthy'
}
