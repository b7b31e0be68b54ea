import type { JobResult } from '#spec'
import { sameResult } from '../../../contracts/job.js'

/** One provider's stated result. */
export interface Stated {
  result: JobResult
  /** Fuel that its terms pay for. */
  mostFuel: bigint
}

/**
 * Groups equal results, the largest group first; groups of equal size keep the order of arrival. All results that ran out
 * of fuel are equal: where they ended depends on the fuel that each one's terms pay for.
 */
export function grouped<S extends Stated>(stated: readonly S[]): S[][] {
  const groups: S[][] = []
  for (const one of stated) {
    const group = groups.find(([first]) => agree(first!.result, one.result))
    if (group) group.push(one)
    else groups.push([one])
  }
  return groups.sort((a, b) => b.length - a.length)
}

/** The group with more than half of the `wanted` results (1 of 1, 2 of 2, 2 of 3), or null. */
export function majority<S extends Stated>(stated: readonly S[], wanted: number): S[] | null {
  const [largest] = grouped(stated)
  return largest && largest.length * 2 > wanted ? largest : null
}

/** Whether a result may differ only because its terms pay for less or more fuel than those of the others. */
export function isExcused(one: Stated, accepted: readonly Stated[]): boolean {
  const other = accepted[0]!
  if (outOfFuel(one.result)) return accepted.every(({ result }) => result.fuel > one.mostFuel)
  return outOfFuel(other.result) && accepted.every(({ mostFuel }) => one.result.fuel > mostFuel)
}

function agree(a: JobResult, b: JobResult): boolean {
  return sameResult(a, b) || (outOfFuel(a) && outOfFuel(b))
}

function outOfFuel({ status, limit }: JobResult): boolean {
  return status === 'limit' && limit === 'fuel'
}
