import { basename } from 'node:path'
import type { Lease, MirrorJob } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { DAY } from '../../../contracts/money/quantity.js'
import type { Store } from '../../store/store.js'
import { mirrorTable } from '../tables.js'
import { isGivenUp } from '../lease/lease-state.js'
import type { Leases } from '../lease/leases.js'
import { MIRROR } from './mirror-state.js'

/** Characters of an id that are shown, and the fewest that find a mirror. */
const SHORT_ID = 8
const LEAST_ID = 4

/** Most characters of a name. */
export const MOST_NAME = 64

/** A mirror may be packed so long before its last lease begins, and be told of so long after its end, ms. */
const SLACK = 365 * DAY

/** The name of a mirror; those of homes before there were names have that of their path. */
export function nameOfMirror({ name, path }: Pick<MirrorJob, 'name' | 'path'>): string {
  return name ?? (basename(path) || path).slice(0, MOST_NAME)
}

/** The leases of a mirror, in the order in which they were agreed. */
export function leasesOf({ agreements }: MirrorJob, leases: Leases): Lease[] {
  return agreements.map(id => leases.get('buyer', id!)).filter(lease => lease !== null)
}

/** The mirror of a lease; null for a lease of none. */
export function mirrorOf(store: Store, { link }: Pick<Lease, 'link'>): MirrorJob | null {
  return link ? (store.table(mirrorTable).first('link', { under: link })?.value ?? null) : null
}

/** Every mirror of the home, the newest first; of those that were replaced or withdrawn the ones with a copy that is paid on. */
export function mirrorsOf(store: Store, leases: Leases): MirrorJob[] {
  const hasLeft = ({ state }: MirrorJob): boolean => state === MIRROR.SUPERSEDED || state === MIRROR.WITHDRAWN
  const isPaidOn = (job: MirrorJob): boolean => leasesOf(job, leases).some(lease => !isGivenUp(lease))
  const kept = [...store.table(mirrorTable).list()].map(({ value }) => value)
  return kept
    .filter(job => !hasLeft(job) || isPaidOn(job))
    .sort((a, b) => (b.created ?? 0) - (a.created ?? 0))
}

/**
 * Whether a mirror is long over by its own record: there may be very many, and their leases need not be read.
 */
export function isLongOver({ state, created, time }: MirrorJob, now: number): boolean {
  return state === MIRROR.KEPT && Boolean(created) && created! + time + SLACK <= now
}

/** The mirror with this name or this beginning of an id. Throws NOT_FOUND, and BAD_INPUT where several have it. */
export function findMirror(store: Store, leases: Leases, asked: string): MirrorJob {
  const all = mirrorsOf(store, leases)
  const named = all.filter(job => nameOfMirror(job) === asked)
  const isId = asked.length >= LEAST_ID && /^[0-9a-f]+$/.test(asked)
  const found = named.length > 0 || !isId ? named : all.filter(({ store: id }) => id!.startsWith(asked))
  if (found.length === 1) return found[0]!
  if (found.length === 0)
    throw new BushelError('NOT_FOUND', `this node has no mirror '${asked}'`, 'see them with: bushel mirrors')
  const ids = found.map(({ store: id }) => id.slice(0, SHORT_ID)).join(', ')
  throw new BushelError(
    'BAD_INPUT',
    `${found.length} mirrors are called '${asked}'`,
    `name one by its id: ${ids}`
  )
}

/** The name for a new mirror: the one asked for, or that of its path with a number when another has it. Throws BAD_INPUT. */
export function newName(store: Store, leases: Leases, path: string, asked: string | null): string {
  const taken = new Set(mirrorsOf(store, leases).map(nameOfMirror))
  if (asked !== null) {
    if (taken.has(asked))
      throw new BushelError('BAD_INPUT', `a mirror '${asked}' is there already`, 'choose another name')
    return asked
  }
  const own = nameOfMirror({ path })
  for (let n = 1; ; n++) {
    const number = n === 1 ? '' : ` ${n}`
    const name = own.slice(0, MOST_NAME - number.length) + number
    if (!taken.has(name)) return name
  }
}
