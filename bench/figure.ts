/** One figure of the table: what was measured, beside what it is held against. */
export interface Figure {
  name: string
  measured: number
  unit: Unit
  /** Measured in the same run, in the same unit. */
  baseline?: { name: string; value: number }
  /** What the ratio (or, without a baseline, the figure itself) should be. */
  target?: { atLeast: number } | { atMost: number }
  note?: string
}

export type Unit = 'MB/s' | 's' | 'ms' | 'MB' | 'times' | '/s' | 'bytes' | 'fsyncs' | 'jobs/s' | '%'

export interface Settings {
  /** Small sizes and single runs: shows that it works, not how fast. */
  quick: boolean
  /** Says on standard error what is being done. */
  say: (what: string) => void
}

export interface Bench {
  /** By which it is named on the command line. */
  name: string
  about: string
  run(settings: Settings): Promise<Figure[]>
}

/** Measured over baseline; null where there is none. */
export function ratioOf({ measured, baseline }: Figure): number | null {
  return baseline ? measured / baseline.value : null
}

/** Null where there is no target. */
export function isMet(figure: Figure): boolean | null {
  const { target, measured } = figure
  if (!target) return null
  const value = ratioOf(figure) ?? measured
  return 'atLeast' in target ? value >= target.atLeast : value <= target.atMost
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

export interface Pair {
  measured: number
  baseline: number
}

/**
 * Of pairs that were measured one right after the other, the one with the median ratio: what else the machine does then
 * weighs on both.
 */
export function medianPair(pairs: readonly Pair[]): Pair {
  const sorted = [...pairs].sort((a, b) => a.measured / a.baseline - b.measured / b.baseline)
  return sorted[(sorted.length - 1) >> 1]!
}

/** The value that a share of all are not above; 0 of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const [low, high] = [sorted[Math.floor(at)] ?? 0, sorted[Math.ceil(at)] ?? 0]
  return low + (high - low) * (at - Math.floor(at))
}

/** Bytes in ms as MB/s. */
export function rate(bytes: number, ms: number): number {
  return bytes / 1000 / ms
}
