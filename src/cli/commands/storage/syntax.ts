import { watchable } from '../../syntax.js'
import type { Syntax } from '../../syntax.js'

/** Defines `mirror` and `restore`. */
export function defineMirrors({ program, define }: Syntax): void {
  define(
    program,
    'mirror <path>',
    'store a file or folder with other nodes; prints its link',
    'mirror film.mkv --copies 2 --time 30d --max-price "30 sat/GiB-month"',
    () => import('./mirror.js')
  )
    .option('--copies <n>', 'number of copies, each at another provider', '2')
    .option('--time <time>', 'how long to store it, such as 10min, 30d, 4w or 1y', '30d')
    .option('--offer <price>', 'price to open with (default: take the price of the provider)')
    .option('--max-price <price>', 'highest price, such as "30 sat/GiB-month" (default: any)')
    .option('--prepay-max <amount>', 'most to pay ahead')

  define(
    program,
    'restore <link> <dest>',
    'restore the files of a link; continues where it stopped',
    'restore bushel://... film.mkv',
    () => import('./restore.js')
  ).option('--force', 'overwrite different files that already exist')
}

/** Defines the commands for leases. */
export function defineLeases({ program, define }: Syntax): void {
  const leases = watchable(
    define(
      program,
      'leases',
      'list the leases, bought and sold',
      'leases --watch',
      () => import('./leases.js')
    )
  )
  define(
    leases,
    'end <id>',
    'end a lease before its time',
    'leases end 8kc1pyjd',
    () => import('./leases-end.js')
  )
}
