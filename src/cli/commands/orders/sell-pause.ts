import { withRunning } from '../../../daemon/access.js'
import type { Action } from '../../invocation.js'

/** `sell pause` and `sell resume`. */
export const run: Action = async ({ access, dryRun, output, context }) => {
  const paused = access.command === 'sell pause'
  const result = await withRunning(access, node => node.call('sell.pause', { paused, dryRun }, context))
  const what = paused ? 'no jobs of others are run until: bushel sell resume' : 'jobs of others are run again'
  output.print(result, () => (dryRun ? `would be so: ${what}` : what))
}
