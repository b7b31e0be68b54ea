import { read, withNode } from '../../../daemon/access.js'
import { absolutePath } from '../../input/arguments.js'
import { resolveId } from '../../input/short-id.js'
import { text } from '../../invocation.js'
import type { Action } from '../../invocation.js'
import type { CommandSyntax } from '../../syntax.js'
import { tell } from './run.js'

export const syntax: CommandSyntax = {
  usage: 'job output <id>',
  summary: 'fetch the result of a job that was paid for; it stays in the home until then',
  example: 'job output 8kc1pyjd --out result',
  options: {
    '--out <dir>': 'folder for the files that the job wrote to /out',
    '--force': 'overwrite different files'
  },
  calls: ['job.output', 'jobs']
}

/** Prints what the program printed, as `run` does, and writes its files. */
export const run: Action = async ({ access, output, dryRun, context }, [typed], options) => {
  const ids = async (): Promise<string[]> => (await read(access, 'jobs', context)).jobs.map(({ id }) => id)
  const id = await resolveId(typed!, 'job id', ids)
  const dir = text(options, 'out')
  const out = dir === undefined ? {} : { out: absolutePath(dir) }
  const params = { id, force: options['force'] === true, ...out, dryRun }
  tell(output, await withNode(access, node => node.call('job.output', params, context)))
}
