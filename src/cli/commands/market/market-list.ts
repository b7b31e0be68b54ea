import { list } from '../../output/table.js'
import { listing } from '../../one-call.js'

/** Prints the markets that this home has joined; `*` marks the one in use. */
export const { syntax, run } = listing({
  usage: 'market list',
  summary: 'list the joined markets',
  example: 'market list',
  reads: 'market.list',
  text: ({ markets }) => [
    ...list(markets, 'no market is joined; join one with: bushel market join KEY', [
      [{ title: '' }, ({ used }) => (used ? '*' : '')],
      [{ title: 'NAME', flexible: true }, ({ name }) => name],
      [{ title: 'ROLE' }, ({ role, state }) => role ?? state],
      [{ title: 'KEY' }, ({ key }) => key]
    ]),
    ...markets.flatMap(({ warning }) => warning || [])
  ]
})
