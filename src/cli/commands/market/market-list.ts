import { table } from '../../output/table.js'
import { listing } from '../../one-call.js'

/** Prints the markets that this home has joined; `*` marks the one in use. */
export const { syntax, run } = listing({
  usage: 'market list',
  summary: 'list the joined markets',
  example: 'market list',
  reads: 'market.list',
  text: ({ markets }) =>
    markets.length === 0
      ? ['no market is joined; join one with: bushel market join KEY']
      : table(
          [{ title: '' }, { title: 'NAME', flexible: true }, { title: 'ROLE' }, { title: 'KEY' }],
          markets.map(({ used, name, role, key }) => [used ? '*' : '', name, role, key])
        )
})
