/** One class of memory sizes. */
interface ReachClass {
  /** Largest memory of this class, pages. */
  pages: number
  cost: number
}

/**
 * What an access costs more in a large memory, where a processor waits for what its caches do not hold: by the size of the
 * memory, the same everywhere. A program cannot be asked whether it hits a cache, so the price lies between a hit and a
 * miss, and neighbours in one segment (same base, 256 bytes) are charged once.
 */
export const REACH: readonly ReachClass[] = [
  { pages: 8, cost: 0 },
  { pages: 16, cost: 8 },
  { pages: 32, cost: 24 },
  { pages: 64, cost: 128 },
  { pages: 512, cost: 192 },
  { pages: 8192, cost: 256 },
  { pages: 65_536, cost: 384 }
]

/** log2 of the bytes that are near each other. */
export const NEAR_SHIFT = 8

/** The reach of a memory of this size. */
export function reachOf(pages: number): number {
  return REACH.find(({ pages: most }) => pages <= most)!.cost
}

/** The most that an access can cost for the reach of its memory. */
export const MOST_REACH = REACH[REACH.length - 1]!.cost

/** Whether a memory that grows to this size ever has a reach. */
export function hasReach(mostPages: number): boolean {
  return reachOf(mostPages) > 0
}

/**
 * What a call, and a jump by a table, costs more in a module with this many bytes of code: it may go to code that no cache
 * holds.
 */
export function codeReachOf(bytes: number): number {
  return CODE_REACH.find(({ bytes: most }) => bytes <= most)!.cost
}

const CODE_REACH = [
  { bytes: 256 << 10, cost: 0 },
  { bytes: 1 << 20, cost: 32 },
  { bytes: Infinity, cost: 128 }
] as const
