import { leaseId } from '../../input/short-id.js'
import { oneCall, onNode } from '../../one-call.js'

/** Ends a lease: the provider stops serving and the buyer stops paying. */
export const { syntax, run } = oneCall({
  usage: 'leases end <id>',
  summary: 'end a lease before its time',
  example: 'leases end 8kc1pyjd',
  call: onNode('leases.end'),
  params: async (invocation, [id]) => ({ id: await leaseId(invocation, id!), dryRun: invocation.dryRun }),
  text: ({ id, state }, { dryRun }) =>
    `lease ${id}: ${dryRun ? 'would be ended; it is ' : ''}${state.toLowerCase()}`
})
