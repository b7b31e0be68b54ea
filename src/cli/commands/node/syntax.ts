import { Option } from 'commander'
import { LEVELS } from '../../../base/logger.js'
import type { Syntax } from '../../syntax.js'

/** Defines the commands that create a home or a private network. */
export function defineSettingUp({ program, define }: Syntax): void {
  define(
    program,
    'init',
    'create a home with a new identity; prints its 24 words once',
    'init --play-grant "1000000 sat"',
    () => import('./init.js')
  )
    .option('--words <source>', '`-`: recover an identity from 24 words on standard input')
    .option('--play-grant <amount>', 'play money to start with (default: 1 000 000 sat)')

  define(
    program,
    'dht',
    'run a bootstrap node for a private network on this machine',
    'dht --port 49737',
    () => import('./dht.js')
  ).option('--port <n>', 'UDP port (default: any free port)')
}

/** Defines `up`. */
export function defineUp({ program, define }: Syntax): void {
  define(
    program,
    'up',
    'run the node in the foreground, as provider and buyer',
    'up',
    () => import('./up.js')
  )
    .addOption(new Option('--log-level <level>', 'how much is said (default: info)').choices(LEVELS))
    .option('--log-file <path>', 'where the log goes (default: logs/bushel.log in the home)')
}

/** Defines `status`. */
export function defineStatus({ program, define }: Syntax): void {
  define(
    program,
    'status',
    'show the identity and the state of this node',
    'status',
    () => import('./status.js')
  )
}

/** Defines `store check`. */
export function defineStore({ group, define }: Syntax): void {
  const store = group('store', 'check the records of this home', 'store check')
  define(
    store,
    'check',
    'look for faults in the store of this home',
    'store check',
    () => import('./store-check.js')
  )
}
