/** Why a provider takes nothing of an upload now, as it says in its answer about the progress. */
export const WAITS = { disk: 1, place: 2, source: 3 } as const

const REASONS = new Map<number, string>([
  [WAITS.disk, 'its disk is full'],
  [WAITS.place, 'it takes in as many uploads as it can'],
  [WAITS.source, 'no other copy gives it the blocks']
])

/** In words of our own, whatever number a peer sends. */
export function reasonOf(waits: number): string {
  return REASONS.get(waits) ?? 'it does not say why'
}
