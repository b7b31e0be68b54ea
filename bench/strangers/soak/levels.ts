import type { Figure } from '../../figure.js'
import type { DealsMade } from './honest-buyer.js'
import type { Use } from './watch.js'

/** Deals of the honest, and what the nodes used meanwhile. */
export interface Phase {
  made: DealsMade
  uses: ReadonlyMap<string, readonly Use[]>
}

/** By how much memory and disk may rise in the last half of the time, MB an hour. */
const MEMORY_BOUND = 64
const DISK_BOUND = 32
/** In less time memory and disk are not level yet, minutes. */
const COUNTS_FROM = 20
/** Moments at which the use of a node is told. */
const TOLD = 7
const HOUR_S = 3600

/**
 * Whether memory (without pages of files) and disk of every node are level while it is attacked: the slope of a line
 * through the last half of the time, without what the honest deals of that half leave on disk, is at most a bound.
 */
export function levels(idle: Phase, attacked: Phase, minutes: number): Figure[] {
  return [...attacked.uses].flatMap(([name, uses]) => {
    const idly = idle.uses.get(name)!
    const stored = storedByDeal(idle, idly)
    const targetOf = (atMost: number): Pick<Figure, 'target'> =>
      minutes < COUNTS_FROM ? {} : { target: { atMost } }
    const disk = slopeOf(uses, use => use.disk - stored * dealsBefore(attacked.made, use.at))
    return [
      {
        name: `memory of ${name}, slope of the last half`,
        measured: slopeOf(uses, use => use.memory),
        unit: 'MB/h',
        ...targetOf(MEMORY_BOUND),
        note: `MB: ${overTime(uses, use => use.memory)}; ${Math.max(...uses.map(use => use.memory)).toFixed(0)} at most; of this the wallet ${overTime(uses, use => use.wallet)}`
      },
      {
        name: `disk of ${name}, slope of the last half`,
        measured: disk,
        unit: 'MB/h',
        ...targetOf(DISK_BOUND),
        note: `MB: ${overTime(uses, use => use.disk)}; without ${stored.toFixed(2)} MB for each deal`
      },
      {
        name: `processor of ${name}`,
        measured: processor(uses),
        unit: '%',
        baseline: { name: 'the same beside the load on nobody', value: processor(idly) }
      },
      { name: `files of ${name}, most`, measured: Math.max(...uses.map(use => use.files)), unit: 'files' }
    ] satisfies Figure[]
  })
}

/** Slope of the least squares line through the last half of the time, an hour; 0 for fewer than two looks. */
export function slopeOf(uses: readonly Use[], measure: (use: Use) => number): number {
  const middle = (uses[0]!.at + uses.at(-1)!.at) / 2
  const half = uses.filter(({ at }) => at >= middle)
  const mean = (values: number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length
  const [at, of] = [mean(half.map(use => use.at)), mean(half.map(measure))]
  const square = half.reduce((sum, use) => sum + (use.at - at) ** 2, 0)
  if (square === 0) return 0
  return (HOUR_S * half.reduce((sum, use) => sum + (use.at - at) * (measure(use) - of), 0)) / square
}

function overTime(uses: readonly Use[], measure: (use: Use) => number): string {
  const last = uses.length - 1
  const moments = new Set(Array.from({ length: TOLD }, (_, i) => Math.round((i * last) / (TOLD - 1))))
  return [...moments]
    .map(i => `${measure(uses[i]!).toFixed(0)} at ${(uses[i]!.at / 60).toFixed(0)} min`)
    .join(', ')
}

/** Part of one processor that a node took, %. */
function processor(uses: readonly Use[]): number {
  const [first, last] = [uses[0]!, uses.at(-1)!]
  return (100 * (last.processor - first.processor)) / Math.max(last.at - first.at, 1)
}

function dealsBefore({ ends }: DealsMade, at: number): number {
  return ends.filter(end => end <= at).length
}

/** MB on the disk of a node for each deal, as measured while nobody attacked. */
function storedByDeal({ made }: Phase, uses: readonly Use[]): number {
  return Math.max(0, uses.at(-1)!.disk - uses[0]!.disk) / Math.max(1, made.ends.length)
}
