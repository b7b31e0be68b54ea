import { BushelError, isOurs } from '../../../contracts/errors/error.js'
import { systemClock } from '../../base/clock.js'
import type { Clock } from '../../base/clock.js'
import { distinct } from './matching.js'

/** Most dials of one choice of sellers at the same time. */
export const DIALS_AT_ONCE = 32
/** Most dials beside these that take longer than a seller may: it has answered, and a way through the routers is looked for. */
const PATIENT = 16
/** The first sellers have this long, ms, before more than are wished for are dialled. */
const HEAD_START = 300
/** Once enough sellers have answered, those that rank behind them may answer too for so long, ms: they are to spare. */
const SPARE_WAIT = 100
/** Least time for the second dial of a seller that the network did not know at first, ms. */
const SECOND_CHANCE = 3000

/** Most sellers that are named one by one when they could not be reached. */
export const MOST_NOTES = 8

/** Opens a channel to a seller; see `Deals.open`. */
export type Opener = (
  device: Buffer,
  options: { timeoutMs: number; signal: AbortSignal; knownOnly: boolean }
) => Promise<unknown>

export interface DialOptions {
  open: Opener
  /** With so many sellers no further one is dialled. */
  least: number
  /** Sellers that are wished for. */
  most: number
  /** How long one seller may take, ms. One that takes longer, as `Network.connect` allows, holds up no others. */
  timeoutMs: number
  /** Once enough sellers have answered, those that rank better may answer too for so long, ms. */
  graceMs: number
  signal: AbortSignal
  clock?: Clock
}

export interface Dialled<C> {
  /** The sellers that answered, in the order of the candidates; at most `most`. */
  reached: C[]
  /** Those that did not, with the error of each. */
  failed: { ask: C; error: unknown }[]
  /** Those that rank before a seller that answered, and had not answered when the others were enough. */
  slower: C[]
}

interface Round<C> {
  reached: Map<number, C>
  failed: Map<number, { ask: C; error: unknown }>
  /** Those of them that took longer than a seller may. */
  late: Set<number>
  slower: C[]
}

interface RunningDial {
  done: Promise<void>
  late: Timer
}

/**
 * Dials sellers in the order of their asks, one ask of each identity, up to 32 at a time, until enough have answered. So
 * asks of devices that are away cost the price of a lookup, whatever their number. Rejects with an error of our own.
 */
export async function dialSellers<C extends { device: Buffer; identity: Buffer }>(
  candidates: readonly C[],
  options: DialOptions
): Promise<Dialled<C>> {
  const { clock = systemClock, timeoutMs, least } = options
  const begun = clock.monotonic()
  const asks = distinct(candidates, candidates.length)
  const first = await dialInOrder([...asks.entries()], { ...options, knownOnly: true })
  const missing = least - first.reached.size
  if (missing > 0) {
    // A lookup may miss a device that has just come.
    const away = [...first.failed]
      .filter(([rank, { error }]) => isAway(error) && !first.late.has(rank))
      .slice(0, DIALS_AT_ONCE)
    const left = Math.max(timeoutMs - (clock.monotonic() - begun), SECOND_CHANCE)
    const second = await dialInOrder(
      away.map(([rank, { ask }]) => [rank, ask]),
      { ...options, least: missing, most: missing, timeoutMs: Math.min(left, timeoutMs), knownOnly: false }
    )
    for (const [rank, ask] of second.reached) {
      first.reached.set(rank, ask)
      first.failed.delete(rank)
    }
  }
  const reached = [...first.reached].sort(([a], [b]) => a - b).map(([, ask]) => ask)
  return { reached: reached.slice(0, options.most), failed: [...first.failed.values()], slower: first.slower }
}

async function dialInOrder<C extends { device: Buffer }>(
  waiting: [rank: number, ask: C][],
  {
    open,
    least,
    most,
    timeoutMs,
    graceMs,
    signal,
    knownOnly,
    clock = systemClock
  }: DialOptions & { knownOnly: boolean }
): Promise<Round<C>> {
  const round: Round<C> = { reached: new Map(), failed: new Map(), late: new Set(), slower: [] }
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const running = new Map<number, RunningDial>()
  const places = (): number => {
    const late = [...running.values()].filter(({ late }) => late.isOver).length
    return running.size - Math.min(late, PATIENT)
  }
  let next = 0
  const dial = async (rank: number, ask: C): Promise<void> => {
    try {
      await null // recorded as running first
      await open(ask.device, { timeoutMs, signal: either, knownOnly })
      round.reached.set(rank, ask)
    } catch (error) {
      if (either.aborted) return
      if (isOurs(error)) throw error
      round.failed.set(rank, { ask, error })
      if (running.get(rank)?.late.isOver) round.late.add(rank)
    } finally {
      running.get(rank)?.late.cancel()
      running.delete(rank)
    }
  }
  const headStart = timer(clock, HEAD_START)
  let grace: Timer | null = null
  let spare: Timer | null = null
  try {
    for (;;) {
      signal.throwIfAborted()
      const last =
        headStart.isOver || (running.size === 0 && next > 0) ? waiting.length : Math.min(most, waiting.length)
      while (round.reached.size < least && places() < DIALS_AT_ONCE && next < last) {
        const [rank, ask] = waiting[next++]!
        running.set(rank, { late: timer(clock, timeoutMs), done: dial(rank, ask) })
      }
      if (running.size === 0 || isSettled(round.reached, running, most)) return round
      if (round.reached.size >= least) {
        grace ??= timer(clock, graceMs)
        spare ??= timer(clock, Math.min(SPARE_WAIT, graceMs))
      }
      if (spare?.isOver && isSettled(round.reached, running, least)) return round
      if (grace?.isOver) {
        const last = Math.max(...round.reached.keys())
        round.slower = waiting.filter(([rank]) => rank < last && running.has(rank)).map(([, ask]) => ask)
        return round
      }
      const timers = [grace ?? headStart, spare].filter(one => one !== null && !one.isOver) as Timer[]
      if (next < waiting.length) timers.push(...notOver(running))
      await Promise.race([
        ...[...running.values()].map(({ done }) => done),
        ...timers.map(({ over }) => over)
      ])
    }
  } finally {
    headStart.cancel()
    grace?.cancel()
    spare?.cancel()
    stop.abort()
    for (const { late, done } of running.values()) {
      late.cancel()
      done.catch(() => undefined) // nobody waits for it any more
    }
  }
}

function notOver(running: ReadonlyMap<number, RunningDial>): RunningDial['late'][] {
  return [...running.values()].map(({ late }) => late).filter(({ isOver }) => !isOver)
}

/**
 * Asks several sellers at the same time, in the order of their rank, and gives what they answered, best first; null is no
 * answer. With `enough` answers those that rank behind them are not waited for, and those that rank before them have
 * `graceMs`: one that is slow or silent does not hold up a deal for which there are others. The signal of `ask` ends when its
 * answer is not wanted any more. Beyond `enough` there is no answer of a seller that ranks behind one who was not waited for.
 * Rejects with an error of our own.
 */
export async function firstAnswers<C, A>(
  sellers: readonly C[],
  ask: (seller: C, signal: AbortSignal) => Promise<A | null>,
  {
    enough,
    graceMs,
    signal,
    clock = systemClock
  }: { enough: number; graceMs: number; signal: AbortSignal; clock?: Clock }
): Promise<A[]> {
  const answers = new Map<number, A>()
  const running = new Map<number, Promise<void>>()
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  let unheard: number[] = []
  const hear = async (rank: number, seller: C): Promise<void> => {
    try {
      await null // recorded as running first
      const answer = await ask(seller, either)
      if (answer !== null && !either.aborted) answers.set(rank, answer)
    } finally {
      running.delete(rank)
    }
  }
  for (const [rank, seller] of sellers.entries()) running.set(rank, hear(rank, seller))
  let grace: Timer | null = null
  try {
    while (running.size > 0 && !isSettled(answers, running, enough) && !grace?.isOver) {
      if (answers.size >= enough) grace ??= timer(clock, graceMs)
      await Promise.race([...running.values(), ...(grace ? [grace.over] : [])])
      signal.throwIfAborted()
    }
    unheard = [...running.keys()]
  } finally {
    grace?.cancel()
    stop.abort()
    for (const one of running.values()) one.catch(() => undefined) // nobody waits for it any more
  }
  const ranked = [...answers].sort(([a], [b]) => a - b)
  const last = ranked[enough - 1]?.[0] ?? Infinity
  const next = Math.min(...unheard.filter(rank => rank > last))
  return ranked.filter(([rank]) => rank < next).map(([, answer]) => answer)
}

/** True when nobody who is still being dialled or asked ranks before the best that answered. */
function isSettled(
  reached: ReadonlyMap<number, unknown>,
  running: ReadonlyMap<number, unknown>,
  most: number
): boolean {
  if (reached.size < most) return false
  const last = [...reached.keys()].sort((a, b) => a - b)[most - 1]!
  return [...running.keys()].every(rank => rank > last)
}

/** True for a seller that could not be reached, which may be reached a moment later. */
export function isAway(error: unknown): boolean {
  return error instanceof BushelError && error.code === 'PEER_UNREACHABLE'
}

interface Timer {
  readonly isOver: boolean
  over: Promise<void>
  cancel: () => void
}

function timer(clock: Clock, ms: number): Timer {
  let isOver = false
  let cancel = (): void => undefined
  const over = new Promise<void>(resolve => {
    cancel = clock.after(ms, () => {
      isOver = true
      resolve()
    })
  })
  return {
    get isOver() {
      return isOver
    },
    over,
    cancel: () => cancel()
  }
}
