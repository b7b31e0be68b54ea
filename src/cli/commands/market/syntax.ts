import type { Syntax } from '../../syntax.js'

/** Defines the commands for markets. */
export function defineMarkets({ define, group }: Syntax): void {
  const market = group('market', 'found, join and choose markets', 'market list')
  define(
    market,
    'create',
    'found a market; this node is its first relay',
    'market create --name bushel-eu',
    () => import('./market-create.js')
  )
    .requiredOption('--name <name>', 'its name')
    .option('--rules <file>', 'JSON file with the rules that differ from the defaults')
  define(
    market,
    'join <key>',
    'join a market by its key',
    'market join yr8oxzs9x1uykyho1kqmjzbb8sch5i8odg6fs9ycq9gs7ktxcbgo',
    () => import('./market-join.js')
  )
  define(
    market,
    'use <name|key>',
    'choose the market that other commands use',
    'market use bushel-eu',
    () => import('./market-use.js')
  )
  define(market, 'list', 'list the joined markets', 'market list', () => import('./market-list.js'))
  define(
    market,
    'admit <device>',
    'admit a device as a relay of a market founded here',
    'market admit 6bnjzyf4n5h1gfmxdxkuu4psxfd5rz3pbfgxztrf9jsg5ywxm5xo',
    () => import('./market-admit.js')
  )
}
