import { median, quantile } from '../../figure.js'
import type { Figure } from '../../figure.js'
import type { DealsMade } from './honest-buyer.js'

const MOST_TIMES = 2

/** Whether the honest are served beside the attacks, and as fast as beside an equal load on nobody. */
export function deals(idle: DealsMade, attacked: DealsMade): Figure[] {
  const all = attacked.seconds.length + attacked.errors.length
  const steps = (['mirror', 'restore', 'run'] as const).map(
    step => `${step} ${median(attacked.steps[step]).toFixed(1)} and ${median(idle.steps[step]).toFixed(1)} s`
  )
  const slowest = `nine of ten within ${quantile(attacked.seconds, 0.9).toFixed(1)} and ${quantile(idle.seconds, 0.9).toFixed(1)} s, the slowest ${Math.max(0, ...attacked.seconds).toFixed(1)} s`
  const failures = [...idle.errors, ...attacked.errors]
  return [
    {
      name: 'a deal beside the attacks, median',
      measured: attacked.seconds.length > 0 ? median(attacked.seconds) : Infinity,
      unit: 's',
      baseline: { name: 'the same beside an equal load on nobody', value: median(idle.seconds) },
      target: { atMost: MOST_TIMES },
      note: `${steps.join(', ')}; ${slowest}; ${attacked.seconds.length} and ${idle.seconds.length} deals`
    },
    {
      name: 'deals that failed',
      measured: failures.length,
      unit: 'deals',
      target: { atMost: 0 },
      note: `${attacked.errors.length} of ${all} beside the attacks, ${idle.errors.length} beside the load on nobody${reasons(failures)}`
    }
  ]
}

/** Each reason once, the most frequent first. */
function reasons(failures: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const failure of failures) counts.set(failure, (counts.get(failure) ?? 0) + 1)
  const sorted = [...counts].toSorted(([, a], [, b]) => b - a)
  return sorted.map(([reason, times]) => `\n    ${times} times: ${reason}`).join('')
}
