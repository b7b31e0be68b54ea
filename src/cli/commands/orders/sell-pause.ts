import { withRunning } from '../../../daemon/access.js'
import type { Action } from '../../invocation.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax[] = [
  {
    usage: 'sell pause',
    summary: 'pause the jobs of others; offers stay (needs `bushel up`)',
    example: 'sell pause',
    calls: ['sell.pause']
  },
  {
    usage: 'sell resume',
    summary: 'resume the jobs of others (needs `bushel up`)',
    example: 'sell resume',
    calls: ['sell.pause']
  }
]

/** Pauses or resumes the jobs of others: `sell pause`, `sell resume`. */
export const run: Action = async ({ access, dryRun, output, context }) => {
  const paused = access.command === 'sell pause'
  const result = await withRunning(access, node => node.call('sell.pause', { paused, dryRun }, context))
  const what = paused
    ? 'jobs of others are paused; resume them with: bushel sell resume'
    : 'jobs of others run again'
  output.print(result, () => (dryRun ? `with this, ${what}` : what))
}
