import type { Syntax } from '../../syntax.js'

/** Files that strangers keep, and fetching them back. */
export function defineMirrors({ program, define }: Syntax): void {
  define(
    program,
    'mirror <path>',
    'have strangers keep a file or folder online; prints a link',
    'mirror film.mkv --copies 2 --time 30d --max "30 sat/GiB-month"',
    () => import('./mirror.js')
  )
    .option('--copies <n>', 'with how many providers', '2')
    .option('--time <time>', 'for how long', '30d')
    .option('--max <price>', 'highest price, such as "30 sat/GiB-month" (default: any)')
    .option('--prepay-max <amount>', 'most to pay ahead')

  define(
    program,
    'restore <link> <dest>',
    'fetch what a link names, from every provider at once; resumes',
    'restore bushel://... film.mkv',
    () => import('./restore.js')
  ).option('--force', 'overwrite different files that are in the way')
}

/** What is leased. */
export function defineLeases({ program, define }: Syntax): void {
  const leases = define(
    program,
    'leases',
    'show what is leased, bought and let',
    'leases --watch',
    () => import('./leases.js')
  ).option('--watch', 'print it again whenever it changes')
  define(
    leases,
    'end <id>',
    'end a lease before its time',
    'leases end 8kc1pyjd',
    () => import('./leases-end.js')
  )
}
