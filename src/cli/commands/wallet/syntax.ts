import { Argument, Option } from 'commander'
import { walletBackends } from '../../../lightning/registry.js'
import { addWalletOptions, connectExample } from '../../input/wallet-options.js'
import type { Syntax } from '../../syntax.js'

/** The wallet, the ledger, and receipts. */
export function defineMoney({ program, define, group }: Syntax): void {
  const wallet = define(
    program,
    'wallet',
    'show the balance, and what can be sent and received',
    'wallet',
    () => import('./wallet.js')
  )
  const connect = define(
    wallet,
    'connect',
    'choose the wallet: the embedded play money, or a Lightning node of yours',
    connectExample(),
    () => import('./wallet-connect.js')
  ).addArgument(new Argument('<backend>', 'which kind').choices(walletBackends().map(({ id }) => id)))
  addWalletOptions(connect)
  connect.option('--accept-real-money', 'deal with a node on bitcoin without being asked')
  define(
    wallet,
    'history',
    "show the wallet's own records, and what each was for",
    'wallet history --limit 20',
    () => import('./wallet-history.js')
  ).option('--limit <n>', 'the newest so many', '50')
  define(
    wallet,
    'invoice <amount>',
    'make an invoice for anybody to pay',
    'wallet invoice "100 sat" --description thanks',
    () => import('./wallet-invoice.js')
  )
    .option('--description <text>', 'what the payer reads')
    .option('--expiry <time>', 'how long it can be paid', '1h')
  define(
    wallet,
    'pay <invoice>',
    'pay an invoice, once, within the limits',
    'wallet pay lnbc...',
    () => import('./wallet-pay.js')
  ).option('--max <amount>', 'pay no more than this')
  define(
    wallet,
    'limits',
    'show what may be paid, and change it',
    'wallet limits --day "50000 sat" --fee 0.5',
    () => import('./wallet-limits.js')
  )
    .option('--deal <amount|none>', 'most for one agreement')
    .option('--day <amount|none>', 'most in 24 hours')
    .option('--peer <amount|none>', 'most in 24 hours to one peer')
    .option('--fee <percent>', 'most of a payment that may go for its fee')
    .option('--fee-min <amount>', 'but so much always may')

  define(
    program,
    'log',
    'show the ledger: every step of every payment; export or check it',
    'log --since 30d --format csv --out books.csv',
    () => import('./log.js')
  )
    .option('--lease <id>', 'of one agreement')
    .option('--peer <identity>', 'with one peer')
    .addOption(new Option('--kind <kind>', 'of one kind').choices(['installment', 'refund', 'direct']))
    .addOption(
      new Option('--step <step>', 'one step').choices([
        'intent',
        'bound',
        'sent',
        'paid',
        'failed',
        'void',
        'listed',
        'received',
        'refused',
        'credited',
        'applied',
        'receipt'
      ])
    )
    .option('--since <time>', 'from a date on, or the last so long, as 7d')
    .option('--limit <n>', 'the newest so many (default: 100; all with --out)')
    .addOption(new Option('--format <format>', 'how').choices(['table', 'json', 'csv']).default('table'))
    .option('--out <file>', 'write it to a file')
    .option('--check', 'hold it against the wallet; exit code 1 when it does not add up')

  const receipt = group('receipt', 'proofs of paid installments', 'receipt verify receipt.json')
  define(
    receipt,
    'export <lease>',
    'write the receipt of a paid installment',
    'receipt export 8kc1pyjd --installment 3 --out receipt.json',
    () => import('./receipt-export.js')
  )
    .option('--installment <n>', 'which installment, from 0 (default: the last that was paid)')
    .option('--out <file>', 'write it to a file')
  define(
    receipt,
    'verify <file>',
    'check a receipt, or the evidence of a job, offline',
    'receipt verify receipt.json',
    () => import('./receipt-verify.js')
  )
}
