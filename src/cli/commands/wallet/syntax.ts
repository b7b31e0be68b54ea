import { Argument, Option } from 'commander'
import { walletBackends } from '../../../lightning/registry.js'
import { addWalletOptions, connectExample } from '../../input/wallet-options.js'
import type { Syntax } from '../../syntax.js'
import { paymentStates } from '../../../payment/payment-state.js'

/** Defines the commands for the wallet, the ledger and receipts. */
export function defineMoney({ program, define, group }: Syntax): void {
  const wallet = define(
    program,
    'wallet',
    'show the balance: what can be sent and received',
    'wallet',
    () => import('./wallet.js')
  )
  const connect = define(
    wallet,
    'connect',
    'connect a wallet: the embedded play money, or your Lightning node',
    connectExample(),
    () => import('./wallet-connect.js')
  ).addArgument(new Argument('<backend>', 'kind of wallet').choices(walletBackends().map(({ id }) => id)))
  addWalletOptions(connect)
  connect.option('--accept-real-money', 'consent to real money without being asked')
  define(
    wallet,
    'history',
    "show the wallet's own records with their purpose",
    'wallet history --limit 20',
    () => import('./wallet-history.js')
  ).option('--limit <n>', 'number of newest records', '50')
  define(
    wallet,
    'invoice <amount>',
    'create an invoice that anyone can pay',
    'wallet invoice "100 sat" --description thanks',
    () => import('./wallet-invoice.js')
  )
    .option('--description <text>', 'description for the payer')
    .option('--expiry <time>', 'how long it is valid', '1h')
  define(
    wallet,
    'pay <invoice>',
    'pay an invoice once, within the limits',
    'wallet pay lnbc...',
    () => import('./wallet-pay.js')
  ).option('--max <amount>', 'most to pay for it')
  define(
    wallet,
    'limits',
    'show the spending limits, and change them',
    'wallet limits --day "50000 sat" --fee 0.5',
    () => import('./wallet-limits.js')
  )
    .option('--deal <amount|none>', 'most for one agreement')
    .option('--day <amount|none>', 'most in 24 hours')
    .option('--peer <amount|none>', 'most in 24 hours to one identity')
    .option('--fee <percent>', 'highest fee, in percent of a payment')
    .option('--fee-min <amount>', 'fee that is always allowed, whatever the percentage')

  define(
    program,
    'log',
    'show, export or check the ledger: all steps of all payments',
    'log --since 30d --format csv --out books.csv',
    () => import('./log.js')
  )
    .option('--lease <id>', 'only payments of this lease')
    .option('--peer <identity>', 'only payments with this identity')
    .addOption(
      new Option('--kind <kind>', 'only this kind of payment').choices(['installment', 'refund', 'direct'])
    )
    .addOption(new Option('--step <step>', 'only this step').choices(paymentStates.names))
    .option('--since <time>', 'only since a date, or for a time such as 7d')
    .option('--limit <n>', 'number of newest entries (default: 100; all with --out)')
    .addOption(
      new Option('--format <format>', 'output format').choices(['table', 'json', 'csv']).default('table')
    )
    .option('--out <file>', 'write it to a file')
    .option('--check', 'compare it with the wallet; exit code 1 if they do not agree')

  const receipt = group(
    'receipt',
    'export or verify proofs of paid installments',
    'receipt verify receipt.json'
  )
  define(
    receipt,
    'export <lease>',
    'write the receipt of a paid installment',
    'receipt export 8kc1pyjd --installment 3 --out receipt.json',
    () => import('./receipt-export.js')
  )
    .option('--installment <n>', 'number of the installment, from 0 (default: the last paid)')
    .option('--out <file>', 'write it to a file')
  define(
    receipt,
    'verify <file>',
    'verify a receipt, or the evidence of a job, offline',
    'receipt verify receipt.json',
    () => import('./receipt-verify.js')
  )
}
