import type { JobResult } from '#spec'
import { sameResult } from '../../../contracts/job.js'

/** What one provider stated. */
export interface Stated {
  result: JobResult
  /** All the fuel that its terms pay for. */
  mostFuel: bigint
}

/**
 * Puts equal results together, the largest group first, in the order in which they came among groups of one size. Jobs
 * that both ended for want of fuel are equal: where exactly they ended depends on what each one's terms pay for.
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

/** The group that has more than half of the `wanted`, or null: of 1 the one, of 2 both, of 3 two. */
export function majority<S extends Stated>(stated: readonly S[], wanted: number): S[] | null {
  const [largest] = grouped(stated)
  return largest && largest.length * 2 > wanted ? largest : null
}

/** Did this one end elsewhere only because its terms pay for less fuel, or for more, than those of the others? */
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
