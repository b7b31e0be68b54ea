import { read } from '../../../daemon/access.js'
import type { Action } from '../../invocation.js'
import { table } from '../../output/table.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'market list',
  summary: 'list the joined markets',
  example: 'market list',
  calls: ['market.list']
}

/** Prints the markets that this home has joined; `*` marks the one in use. */
export const run: Action = async ({ access, output, context }) => {
  const result = await read(access, 'market.list', context)
  output.print(result, () =>
    result.markets.length === 0
      ? 'no market is joined; join one with: bushel market join KEY'
      : table(
          [{ title: '' }, { title: 'NAME', flexible: true }, { title: 'ROLE' }, { title: 'KEY' }],
          result.markets.map(({ used, name, role, key }) => [used ? '*' : '', name, role, key])
        )
  )
}
