import type { Audit, AuditRecord, Lease } from '#spec'
import { DAY, HOUR, MINUTE } from '../../../contracts/money/quantity.js'
import { chooseAudit } from './audit.js'
import { LEASE, isGivenUp } from './lease-state.js'

/** How often a copy is audited while its owner's node runs, ms. */
const EVERY = DAY
/** The lease that follows is asked for less often: the copy is audited for the one that runs, ms. */
const EVERY_NEXT = 7 * DAY
/** Blocks for each day since the last audit. In 30 days a loss of 1 % is found with 70 %, one of 0.1 % with 11 %. */
const BLOCKS_A_DAY = 4
/** Most blocks of one challenge. */
const MOST_BLOCKS = 31
/** A challenge that is open while its provider is reached so far apart is failed, ms. */
const SILENT = DAY
/** A provider that is not reached at two tries so far apart is gone, ms. */
const GONE = 3 * DAY
/** A provider that was tried fewer times is not gone: this node may have slept, or was without a network. */
const GONE_TRIES = 3
/** Until an open challenge is tried again: the first time, doubled each time, at most the last, ms. */
const RETRY = { first: MINUTE, last: HOUR }
/** A provider that was away and connects is tried at once, but not more often than this, ms. */
const WOKEN_AFTER = HOUR

/** Of a copy that has answered its last audit. */
export const UNTROUBLED: AuditRecord = {
  unanswered: 0,
  unreachable: 0,
  gone: 0,
  tried: 0,
  tries: 0,
  challenge: null,
  tokens: null,
  failing: null,
  proven: []
}

/** Samples that were proven count for so long: a loss that is older would have been found by them, ms. */
const PROVEN_FOR = 30 * DAY

/** Whether a challenge waits for its answer. */
export function isOpen({ challenge, tokens }: Pick<AuditRecord, 'challenge' | 'tokens'>): boolean {
  return Boolean(challenge) || Boolean(tokens)
}

/** The samples that were proven in the last 30 days, those of one day together. */
export function withProven(
  proven: AuditRecord['proven'],
  now: number,
  samples: number
): AuditRecord['proven'] {
  const kept = proven.filter(({ at }) => at <= now && at > now - PROVEN_FOR)
  if (samples === 0) return kept
  const last = kept.at(-1)
  if (!last || now - last.at >= DAY) return [...kept, { at: now, samples }]
  return [...kept.slice(0, -1), { at: last.at, samples: last.samples + samples }]
}

/** The odds that a loss of this part of a copy that is 30 days old, or as old as the copy, went unseen by its audits. */
export function unseenOdds({ proven }: AuditRecord, part: number, now: number): number {
  const samples = proven.filter(({ at }) => at > now - PROVEN_FOR).reduce((sum, one) => sum + one.samples, 0)
  return (1 - part) ** samples
}

/** A copy as its audits show it; only `healthy` ones are paid on. */
export type Health = 'uploading' | 'next' | 'healthy' | 'unanswered' | 'failing' | 'gone' | 'over'

/**
 * When the next audit of a stored copy is due, ms since 1970. A recorded time that is to come was written by a clock that was
 * ahead, and does not count.
 */
export function auditAt(
  { audited, start, state, committed }: Lease,
  record: AuditRecord,
  now: number
): number {
  const { tried, tries } = record
  const isNext = state === LEASE.NEXT
  const last = audited && audited <= now ? audited : isNext ? committed : start
  if (!isOpen(record)) return last + (isNext ? EVERY_NEXT : EVERY)
  return tries === 0 || tried > now ? 0 : tried + Math.min(RETRY.first * 2 ** (tries - 1), RETRY.last)
}

/** The open challenge of a copy, or a new one for all days since the last audit. */
export function challengeOf(lease: Lease, { challenge }: Pick<AuditRecord, 'challenge'>, now: number): Audit {
  if (challenge) return challenge
  const days = Math.max(1, Math.floor((now - (lease.audited || lease.start)) / EVERY))
  return chooseAudit(lease.seal!.seal, Math.min(BLOCKS_A_DAY * days, MOST_BLOCKS))
}

/** The parts in which a challenge is asked, so that a slow line has the same time for each few blocks. */
export function partsOf(challenge: Audit): Audit[] {
  const parts: Audit[] = []
  for (let i = 0; i < challenge.blocks.length; i += BLOCKS_A_DAY)
    parts.push({ ...challenge, blocks: challenge.blocks.slice(i, i + BLOCKS_A_DAY) })
  return parts
}

/** After its provider was reached and did not answer the open challenge. */
export function notAnswered(record: AuditRecord, now: number): AuditRecord {
  const unanswered = before(record.unanswered, now)
  const reached = { ...tried(record, now), unanswered, unreachable: 0, gone: 0 }
  if (now - unanswered < SILENT) return reached
  return { ...reached, failing: 'it has left an audit unanswered for a day' }
}

/** After its provider could not be reached, or did not greet in time. */
export function notReached(record: AuditRecord, now: number): AuditRecord {
  const unreachable = before(record.unreachable, now)
  const after = { ...tried(record, now), unreachable }
  return { ...after, gone: now - unreachable >= GONE && after.tries >= GONE_TRIES ? now : 0 }
}

/** After its provider has shown something else than it was asked for. */
export function lied(record: AuditRecord, now: number, why: string): AuditRecord {
  return { ...tried(record, now), failing: why }
}

/** When the provider connects: one that was away is tried at once. Null: nothing changes. */
export function woken(record: AuditRecord, now: number): AuditRecord | null {
  const isDue = isOpen(record) && record.unreachable > 0 && record.tries > 0
  return isDue && Math.abs(now - record.tried) >= WOKEN_AFTER ? { ...record, tries: 0 } : null
}

/** How the copy of a lease stands. */
export function healthOf(lease: Lease, record: AuditRecord): Health {
  const { failing, gone } = record
  if (isGivenUp(lease)) return 'over'
  if (lease.state === LEASE.NEXT) return 'next'
  if (lease.state !== LEASE.STORED) return 'uploading'
  if (failing) return 'failing'
  if (gone) return 'gone'
  return isOpen(record) ? 'unanswered' : 'healthy'
}

function tried(record: AuditRecord, now: number): AuditRecord {
  return { ...record, tried: now, tries: record.tries + 1 }
}

/** A recorded time, or now: one that is to come was written by a clock that was ahead. */
function before(recorded: number, now: number): number {
  return recorded > 0 && recorded <= now ? recorded : now
}
