import type { Figure } from '../../figure.js'
import type { DealsMade } from './honest-buyer.js'
import { meanOf } from './watch.js'
import type { Use, Watch } from './watch.js'

/** Deals of the honest, and what the nodes used meanwhile. */
export interface Phase {
  made: DealsMade
  watch: Watch
}

/** By how much the last quarter of the time may lie above the second one, MB. */
const MEMORY_BOUND = 48
const DISK_BOUND = 16
/** In less time memory and disk are not level yet, minutes. */
const COUNTS_FROM = 20

/** Whether memory and disk of every node stay level while it is attacked. */
export function levels(idle: Phase, attacked: Phase, minutes: number): Figure[] {
  return [...attacked.watch.uses].flatMap(([name, uses]) => {
    const stored = storedByDeal(idle, name)
    const deals = attacked.made.seconds.length / 2 // between the two quarters that are compared
    const disk = above(uses, use => use.disk) - stored * deals
    const targetOf = (atMost: number): Pick<Figure, 'target'> =>
      minutes < COUNTS_FROM ? {} : { target: { atMost } }
    const memory = above(uses, use => use.memory)
    const [most, last] = [Math.max(...uses.map(use => use.memory)), uses.at(-1)!]
    return [
      {
        name: `memory of ${name}, last quarter above the second`,
        measured: memory,
        unit: 'MB',
        ...targetOf(MEMORY_BOUND),
        note: `${uses[0]!.memory.toFixed(0)} MB at first, ${most.toFixed(0)} at most, ${last.memory.toFixed(0)} at the end`
      },
      {
        name: `disk of ${name}, last quarter above the second`,
        measured: disk,
        unit: 'MB',
        ...targetOf(DISK_BOUND),
        note: `${uses[0]!.disk.toFixed(1)} MB at first, ${last.disk.toFixed(1)} at the end; without ${stored.toFixed(2)} MB for each deal`
      },
      {
        name: `processor of ${name}`,
        measured: processor(uses),
        unit: '%',
        baseline: { name: 'the same beside the load on nobody', value: processor(idle.watch.uses.get(name)!) }
      },
      { name: `files of ${name}, most`, measured: Math.max(...uses.map(use => use.files)), unit: 'files' }
    ] satisfies Figure[]
  })
}

/** Part of one processor that a node took, %. */
function processor(uses: readonly Use[]): number {
  const [first, last] = [uses[0]!, uses.at(-1)!]
  return (100 * (last.processor - first.processor)) / (last.at - first.at)
}

function above(uses: readonly Use[], measure: (use: Use) => number): number {
  return meanOf(uses, 3, measure) - meanOf(uses, 1, measure)
}

/** MB on the disk of a node for each deal, as measured while nobody attacked. */
function storedByDeal({ made, watch }: Phase, name: string): number {
  const uses = watch.uses.get(name)!
  return (uses.at(-1)!.disk - uses[0]!.disk) / Math.max(1, made.seconds.length)
}
