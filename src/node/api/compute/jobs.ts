import { join } from 'node:path'
import { BushelError } from '../../../../contracts/errors/error.js'
import { formatKey, parseKey, shortKey } from '../../../../contracts/keys/key.js'
import type { JobView, Jobs } from '../../../compute/buyer/jobs.js'
import { nameOf } from '../../../base/states.js'
import { KeptOutputs } from '../../../compute/buyer/kept-outputs.js'
import { RunRecords, viewOf } from '../../../compute/buyer/run/run-records.js'
import { checkOut } from '../../../files/out-folder.js'
import { readingStore } from '../../home-store.js'
import { callWithDryRun, dry, ending, reading } from '../definition/call.js'
import { fields, listed } from '../definition/schema.js'
import { JOB_ENTRY, JOB_OUTPUT, JOB_RESULT } from './job-fields.js'
import { deliver, resultOf } from './job-output.js'
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
        readingStore(dir, store => {
          const outputs = new KeptOutputs(join(dir, 'compute'))
          return { jobs: new RunRecords(store).list().map(record => jobEntry(viewOf(record, outputs))) }
        })
    }
  ),
  'job.output': callWithDryRun(
    {
      summary:
        'gives the result of a job that was paid for, from the home; it stays there until it was fetched',
      params: JOB_OUTPUT,
      result: JOB_RESULT,
      events: ['note', 'output'],
      changes: true,
      needs: 'node'
    },
    async (node, params, context) => {
      const jobs = (await node.trade()).compute.runs
      const { id } = found(jobs, params.id)
      if (params.out !== undefined) await checkOut(params.out, params.force)
      const outcome = await jobs.output(id)
      return params.dryRun
        ? dry(params, resultOf(outcome, params.out ?? null))
        : deliver(jobs, outcome, params, context)
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
