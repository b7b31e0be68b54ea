import { Argument } from 'commander'
import { buying } from '../jobs/syntax.js'
import type { Syntax } from '../../syntax.js'

/** What is offered and asked for on the book. */
export function defineOrders({ program, define, group }: Syntax): void {
  const sell = group(
    'sell',
    'offer something on the book',
    'sell storage --space 500GiB --price "25 sat/GiB-month"'
  )
  define(
    sell,
    'storage',
    'offer disk on the book (needs `bushel up`)',
    'sell storage --space 500GiB --price "25 sat/GiB-month" --region eu',
    () => import('./sell-storage.js')
  )
    .requiredOption('--space <size>', 'how much, such as 500GiB')
    .requiredOption('--price <price>', 'for how much, such as "25 sat/GiB-month"')
    .option('--min-time <time>', 'shortest lease', '1h')
    .option('--max-time <time>', 'longest lease', '365d')
    .option('--region <region>', 'where the disk is, such as eu')
  define(
    sell,
    'compute',
    'offer to run jobs for others (needs `bushel up`)',
    'sell compute --cores 2 --memory 2GiB --price "40 sat/Tfuel"',
    () => import('./sell-compute.js')
  )
    .requiredOption('--cores <n>', 'most jobs at the same time')
    .requiredOption('--memory <size>', 'most for all of them, such as 2GiB')
    .requiredOption('--price <price>', 'for how much, such as "40 sat/Tfuel"')
    .option('--base <amount>', 'for each job, whatever it uses', '1 sat')
    .option('--only-idle', 'run them only while the machine has nothing else to do')
    .option('--hours <from-to>', 'run them only at these hours, such as 22:00-07:00')
    .option('--allow-process', 'sell where bubblewrap does not work: fewer walls')
    .option('--region <region>', 'where the machine is, such as eu')
  define(
    sell,
    'pause',
    'run no jobs of others for a while; offers stand (needs `bushel up`)',
    'sell pause',
    () => import('./sell-pause.js')
  )
  define(
    sell,
    'resume',
    'run jobs of others again (needs `bushel up`)',
    'sell resume',
    () => import('./sell-pause.js')
  )

  define(
    program,
    'book',
    'show the order book: asks and bids, best first',
    'book --watch',
    () => import('./book.js')
  )
    .addArgument(
      new Argument('[resource]', 'what is traded').choices(['storage', 'compute']).default('storage')
    )
    .option('--watch', 'print it again whenever it changes')

  const bid = group(
    'bid',
    'ask for something on the book',
    'bid storage photos --time 30d --copies 3 --max "30 sat/GiB-month"'
  )
  define(
    bid,
    'storage <path>',
    'let a bid rest on the book, filled unattended (needs `bushel up`)',
    'bid storage photos --time 30d --copies 3 --max "30 sat/GiB-month"',
    () => import('./bid-storage.js')
  )
    .requiredOption('--time <time>', 'how long to keep it, such as 30d')
    .requiredOption('--copies <n>', 'with how many providers')
    .requiredOption('--max <price>', 'highest price, such as "30 sat/GiB-month"')
    .option('--prepay-max <amount>', 'most to pay ahead')

  buying(
    define(
      bid,
      'compute <module> [args...]',
      'let a bid rest on the book, run unattended (needs `bushel up`)',
      'bid compute a.wasm --out o --max "9 sat" --max-price "9 sat/Tfuel"',
      () => import('./bid-compute.js')
    )
  )
    .requiredOption('--max <amount>', 'most to pay for it')
    .requiredOption('--max-price <price>', 'highest price, such as "30 sat/Tfuel"')
    .requiredOption('--out <dir>', 'write what it leaves under /out to')

  define(
    program,
    'withdraw <id>',
    'take an order off the book (needs `bushel up`)',
    'withdraw 8kc1pyjd',
    () => import('./withdraw.js')
  )
}
