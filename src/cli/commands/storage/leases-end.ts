import { read, withNode } from '../../../daemon/access.js'
import type { Action } from '../../invocation.js'
import { resolveId } from '../../input/short-id.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'leases end <id>',
  summary: 'end a lease before its time',
  example: 'leases end 8kc1pyjd',
  calls: ['leases.end']
}

/** Ends a lease: the provider stops serving and the buyer stops paying. */
export const run: Action = async ({ access, dryRun, output, context }, [text]) => {
  const id = await resolveId(text!, 'lease id', async () => {
    const { leases } = await read(access, 'leases', context)
    return leases.map(lease => lease.id)
  })
  const result = await withNode(access, node => node.call('leases.end', { id, dryRun }, context))
  output.print(
    result,
    () => `lease ${result.id}: ${dryRun ? 'would be ended; it is ' : ''}${result.state.toLowerCase()}`
  )
}
