import { buying } from '../jobs/syntax.js'
import { watchable } from '../../syntax.js'
import type { Syntax } from '../../syntax.js'

/** Defines the commands for orders and the order book. */
export function defineOrders({ program, define, group }: Syntax): void {
  const sell = group(
    'sell',
    'publish an offer on the book, or pause',
    'sell storage --space 500GiB --price "25 sat/GiB-month"'
  )
  define(
    sell,
    'storage',
    'offer disk space on the book (needs `bushel up`)',
    'sell storage --space 500GiB --price "25 sat/GiB-month" --region eu',
    () => import('./sell-storage.js')
  )
    .requiredOption('--space <size>', 'space to offer, such as 500GiB')
    .requiredOption('--price <price>', 'price, such as "25 sat/GiB-month"')
    .option(
      '--floor <price>',
      'lowest price to agree to with a buyer that offers less; never shown to others'
    )
    .option('--min-time <time>', 'shortest lease', '1h')
    .option('--max-time <time>', 'longest lease', '365d')
    .option('--region <region>', 'region of the disk, such as eu')
  define(
    sell,
    'compute',
    'offer to run jobs for others (needs `bushel up`)',
    'sell compute --cores 2 --memory 2GiB --price "40 sat/Tfuel"',
    () => import('./sell-compute.js')
  )
    .requiredOption('--cores <n>', 'number of jobs at the same time')
    .requiredOption('--memory <size>', 'memory for all of them together, such as 2GiB')
    .requiredOption('--price <price>', 'price, such as "40 sat/Tfuel"')
    .option(
      '--floor <price>',
      'lowest price to agree to with a buyer that offers less; never shown to others'
    )
    .option('--base <amount>', 'base for each job, in addition to its fuel', '1 sat')
    .option('--only-idle', 'run jobs only while the machine is idle')
    .option('--hours <from-to>', 'run jobs only at these hours, such as 22:00-07:00')
    .option('--allow-process', 'sell without bubblewrap if it does not work: less isolation')
    .option('--region <region>', 'region of the machine, such as eu')
  define(
    sell,
    'pause',
    'pause the jobs of others; offers stay (needs `bushel up`)',
    'sell pause',
    () => import('./sell-pause.js')
  )
  define(
    sell,
    'resume',
    'resume the jobs of others (needs `bushel up`)',
    'sell resume',
    () => import('./sell-pause.js')
  )

  watchable(
    define(
      program,
      'book [resource]',
      'show the order book of a resource (storage, compute): asks and bids, best first',
      'book --watch',
      () => import('./book.js')
    )
  )

  const bid = group(
    'bid',
    'publish a resting bid on the book',
    'bid storage a.mkv --time 30d --copies 3 --max-price "9 sat/GiB-month"'
  )
  define(
    bid,
    'storage <path>',
    'publish a bid that the node fills by itself (needs `bushel up`)',
    'bid storage a.mkv --time 30d --copies 3 --max-price "9 sat/GiB-month"',
    () => import('./bid-storage.js')
  )
    .requiredOption('--time <time>', 'how long to store it, such as 30d')
    .requiredOption('--copies <n>', 'number of copies, each at another provider')
    .option('--offer <price>', 'price to open with, below the highest one')
    .requiredOption('--max-price <price>', 'highest price, such as "30 sat/GiB-month"')
    .option('--prepay-max <amount>', 'most to pay ahead')

  buying(
    define(
      bid,
      'compute <module> [args...]',
      'publish a bid that the node fills by itself (needs `bushel up`)',
      'bid compute a.wasm --out o --max "9 sat" --max-price "9 sat/Tfuel"',
      () => import('./bid-compute.js')
    )
  )
    .requiredOption('--max <amount>', 'most to pay, over all providers')
    .option('--offer <price>', 'price to open with, below the highest one')
    .requiredOption('--max-price <price>', 'highest price, such as "30 sat/Tfuel"')
    .requiredOption('--out <dir>', 'write what it leaves under /out to')

  define(
    program,
    'withdraw <id>',
    'withdraw an order from the book (needs `bushel up`)',
    'withdraw 8kc1pyjd',
    () => import('./withdraw.js')
  )
}
