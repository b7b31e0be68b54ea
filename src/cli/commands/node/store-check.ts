import { checkStore } from '../../../daemon/books.js'
import { count } from '../../output/table.js'
import type { Action } from '../../invocation.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'store check',
  summary: 'look for faults in the records of the home',
  example: 'store check'
}

/** Looks for faults in the store of the home; the exit code is 1 when there are any. */
export const run: Action = async ({ access, output }) => {
  const problems = await checkStore(access)
  output.verdict({ ok: problems.length === 0, problems } as { ok: boolean }, () =>
    problems.length === 0
      ? 'no problem'
      : [
          ...problems,
          `${count(problems.length, 'problem', 'problems')}; nothing was changed. Stop the node and restore the home from a copy`
        ]
  )
}
