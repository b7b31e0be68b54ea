import { read, withNode } from '../../../daemon/access.js'
import type { Action } from '../../invocation.js'
import { resolveId } from '../../input/short-id.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'job cancel <id>',
  summary: 'cancel a job; what it used so far stays paid',
  example: 'job cancel 8kc1pyjd',
  calls: ['job.cancel']
}

/** Cancels a job at all of its providers. */
export const run: Action = async ({ access, dryRun, output, context }, [text]) => {
  const ids = async (): Promise<string[]> => (await read(access, 'jobs', context)).jobs.map(({ id }) => id)
  const id = await resolveId(text!, 'job id', ids)
  const result = await withNode(access, node => node.call('job.cancel', { id, dryRun }, context))
  output.print(
    result,
    () => `job ${result.id}: ${dryRun ? 'would be cancelled; it is ' : ''}${result.state.toLowerCase()}`
  )
}
