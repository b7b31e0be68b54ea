/** One figure of the table: a measurement and its baseline. */
export interface Figure {
  name: string
  measured: number
  unit: Unit
  /** Baseline, measured in the same run and in the same unit. */
  baseline?: { name: string; value: number }
  /** Target for the ratio or, without a baseline, for the figure itself. */
  target?: { atLeast: number } | { atMost: number }
  note?: string
}

export type Unit =
  | 'MB/s'
  | 's'
  | 'ms'
  | 'MB'
  | 'times'
  | '/s'
  | 'bytes'
  | 'fsyncs'
  | 'jobs/s'
  | '%'
  | 'files'
  | 'deals'
  | 'MB/h'
  | 'nodes'
  | 'round trips'

export interface Settings {
  /** Small sizes and single runs: checks that the bench works; the figures do not count. */
  quick: boolean
  /** Writes the current step to standard error. */
  say: (what: string) => void
}

export interface Bench {
  /** Name on the command line. */
  name: string
  about: string
  run(settings: Settings): Promise<Figure[]>
}

/** Measured value divided by the baseline; null without a baseline. */
export function ratioOf({ measured, baseline }: Figure): number | null {
  return baseline ? measured / baseline.value : null
}

/** Whether the target is met; null without a target. */
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
 * The pair with the median ratio. The two values of a pair are measured one right after the other, so that other load on
 * the machine affects both.
 */
export function medianPair(pairs: readonly Pair[]): Pair {
  const sorted = [...pairs].sort((a, b) => a.measured / a.baseline - b.measured / b.baseline)
  return sorted[(sorted.length - 1) >> 1]!
}

/** The quantile of the values for a share from 0 to 1; 0 without values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const [low, high] = [sorted[Math.floor(at)] ?? 0, sorted[Math.ceil(at)] ?? 0]
  return low + (high - low) * (at - Math.floor(at))
}

/** Rate in MB/s from bytes and ms. */
export function rate(bytes: number, ms: number): number {
  return bytes / 1000 / ms
}
