import { BushelError } from '../../../../contracts/errors/error.js'
import { formatKey, parseKey, shortKey } from '../../../../contracts/keys/key.js'
import type { JobView, Jobs } from '../../../compute/buyer/jobs.js'
import { nameOf } from '../../../base/states.js'
import { RunRecords, viewOf } from '../../../compute/buyer/run/run-records.js'
import { readingStore } from '../../home-store.js'
import { callWithDryRun, dry, ending, reading } from '../definition/call.js'
import { fields, listed } from '../definition/schema.js'
import { JOB_ENTRY } from './job-fields.js'
import { jobEntry } from './job-view.js'

export const JOB_CALLS = {
  jobs: reading(
    {
      summary: 'lists the jobs that this node bought, the newest first',
      result: { jobs: listed(fields(JOB_ENTRY), 'the jobs') }
    },
    {
      run: async node => ({ jobs: (await node.trade()).compute.runs.list().map(jobEntry) }),
      offline: ({ dir }) =>
        readingStore(dir, store => ({
          jobs: new RunRecords(store).list().map(record => jobEntry(viewOf(record)))
        }))
    }
  ),
  'job.cancel': callWithDryRun(
    {
      summary: 'cancels a job at all of its providers; what it used so far stays paid',
      ...ending('job')
    },
    async (node, params) => {
      const jobs = (await node.trade()).compute.runs
      const { id, state } = found(jobs, params.id)
      if (!params.dryRun) await jobs.cancel(id)
      return dry(params, { id: formatKey(id), state: nameOf(jobs.get(id)?.state ?? state) })
    }
  )
}

function found(jobs: Jobs, text: string): JobView {
  const id = parseKey(text, 'job id')
  const view = jobs.get(id)
  if (view) return view
  throw new BushelError(
    'JOB_NOT_FOUND',
    `this node has no job ${shortKey(id)}...`,
    'see the jobs with: bushel jobs'
  )
}
