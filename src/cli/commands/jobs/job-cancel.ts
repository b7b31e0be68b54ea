import { read } from '../../../daemon/access.js'
import { resolveId } from '../../input/short-id.js'
import { oneCall, onNode } from '../../one-call.js'

/** Cancels a job at all of its providers. */
export const { syntax, run } = oneCall({
  usage: 'job cancel <id>',
  summary: 'cancel a job; what it used so far stays paid',
  example: 'job cancel 8kc1pyjd',
  call: onNode('job.cancel'),
  params: async ({ access, dryRun, context }, [typed]) => {
    const ids = async (): Promise<string[]> => (await read(access, 'jobs', context)).jobs.map(({ id }) => id)
    return { id: await resolveId(typed!, 'job id', ids), dryRun }
  },
  text: ({ id, state }, { dryRun }) =>
    `job ${id}: ${dryRun ? 'would be cancelled; it is ' : ''}${state.toLowerCase()}`
})
