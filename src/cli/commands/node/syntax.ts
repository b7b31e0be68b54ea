import { Option } from 'commander'
import { LEVELS } from '../../../base/logger.js'
import type { Syntax } from '../../syntax.js'

/** What a node begins with. */
export function defineSettingUp({ program, define }: Syntax): void {
  define(
    program,
    'init',
    'make an identity, a device key and a home; prints the 24 words, once',
    'init --play-grant "1000000 sat"',
    () => import('./init.js')
  )
    .option('--words <source>', '`-`: recover an identity, its 24 words read from standard input')
    .option('--play-grant <amount>', 'play money to start with (default: 1 000 000 sat)')

  define(
    program,
    'dht',
    'run a bootstrap node for a private network on this machine',
    'dht --port 49737',
    () => import('./dht.js')
  ).option('--port <n>', 'UDP port (default: any that is free)')
}

/** The node itself. */
export function defineUp({ program, define }: Syntax): void {
  define(
    program,
    'up',
    'run the node in the foreground: provider and buyer in one',
    'up',
    () => import('./up.js')
  )
    .addOption(new Option('--log-level <level>', 'how much is said (default: info)').choices(LEVELS))
    .option('--log-file <path>', 'where the log goes (default: logs/bushel.log in the home)')
}

/** How it stands. */
export function defineStatus({ program, define }: Syntax): void {
  define(program, 'status', 'show who this node is and how it stands', 'status', () => import('./status.js'))
}
