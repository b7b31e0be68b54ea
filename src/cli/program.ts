import { homedir } from 'node:os'
import { join } from 'node:path'
import { Argument, Command, Option } from 'commander'
import type { Action, OptionValues } from './invocation.js'

export type Loader = () => Promise<{ run: Action }>

/** A command as it was parsed: its name, what it is, its arguments, and its options with the global ones. */
export interface Typed {
  name: string
  load: Loader
  positional: readonly string[]
  options: OptionValues
}

export type Runner = (typed: Typed) => Promise<void>

export interface ProgramOptions {
  version: string
  run: Runner
  /** Help, as it was asked for. */
  onhelp: (text: string) => void
  /** What commander writes to standard error: its usage errors and the help that goes with them. */
  onerror: (text: string) => void
}

/**
 * The syntax of every command. What a command does is loaded only when it runs, so that help is quick. The global
 * options are the program's alone: commander then takes them before and after the command's name.
 */
export function createProgram({ version, run, onhelp, onerror }: ProgramOptions): Command {
  const program = new Command('bushel')
    .description(
      'A peer resource marketplace node: rent and let disk and compute, for sats, without a company in the middle'
    )
    .version(version, '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({ writeOut: onhelp, writeErr: onerror })
    .configureHelp({ showGlobalOptions: true, helpWidth: 80 })
    .addOption(new Option('--json', 'print JSON lines, the result last'))
    .addOption(
      new Option('--home <dir>', 'folder of the node')
        .env('BUSHEL_HOME')
        .default(join(homedir(), '.bushel'), '~/.bushel')
    )
    .addOption(
      new Option('--bootstrap <host:port,...>', 'a private DHT instead of the public one').env(
        'BUSHEL_BOOTSTRAP'
      )
    )
    .addOption(new Option('--market <name|key>', 'the market meant (default: the one in use)'))
    .addOption(new Option('--dry-run', 'say what would be done, and do nothing'))
    .helpCommand(false)

  const define = (
    parent: Command,
    syntax: string,
    description: string,
    example: string,
    load: Loader
  ): Command => {
    const command = parent.command(syntax).description(description)
    command.addHelpText('after', `\nExample:\n  $ bushel ${example}`)
    command.action(async () => {
      const positional = command.processedArgs.flat() as string[]
      await run({ name: nameOf(command), load, positional, options: command.optsWithGlobals() })
    })
    return command
  }
  const group = (name: string, description: string, example: string): Command =>
    program
      .command(name)
      .helpCommand(false)
      .description(description)
      .addHelpText('after', `\nExample:\n  $ bushel ${example}`)

  define(
    program,
    'init',
    'make an identity, a device key and a home; prints the 24 words, once',
    'init --play-grant "1000000 sat"',
    () => import('./commands/init.js')
  )
    .option('--words <source>', '`-`: recover an identity, its 24 words read from standard input')
    .option('--play-grant <amount>', 'play money to start with (default: 1 000 000 sat)')

  define(
    program,
    'dht',
    'run a bootstrap node for a private network on this machine',
    'dht --port 49737',
    () => import('./commands/dht.js')
  ).option('--port <n>', 'UDP port (default: any that is free)')

  const market = group('market', 'found, join and choose markets', 'market list')
  define(
    market,
    'create',
    'found a market; this node is its first relay',
    'market create --name bushel-eu',
    () => import('./commands/market-create.js')
  )
    .requiredOption('--name <name>', 'what people call it')
    .option('--rules <file>', 'JSON file of the rules that differ from the usual ones')
  define(
    market,
    'join <key>',
    'join a market by its key',
    'market join yr8oxzs9x1uykyho1kqmjzbb8sch5i8odg6fs9ycq9gs7ktxcbgo',
    () => import('./commands/market-join.js')
  )
  define(
    market,
    'use <name|key>',
    'choose the market that other commands mean',
    'market use bushel-eu',
    () => import('./commands/market-use.js')
  )
  define(
    market,
    'list',
    'show the markets that are joined',
    'market list',
    () => import('./commands/market-list.js')
  )
  define(
    market,
    'admit <device>',
    'let a device relay orders into a market founded here',
    'market admit 6bnjzyf4n5h1gfmxdxkuu4psxfd5rz3pbfgxztrf9jsg5ywxm5xo',
    () => import('./commands/market-admit.js')
  )

  define(
    program,
    'up',
    'run the node in the foreground: provider and buyer in one',
    'up',
    () => import('./commands/up.js')
  )

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
    () => import('./commands/sell-storage.js')
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
    () => import('./commands/sell-compute.js')
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
    () => import('./commands/sell-pause.js')
  )
  define(
    sell,
    'resume',
    'run jobs of others again (needs `bushel up`)',
    'sell resume',
    () => import('./commands/sell-pause.js')
  )

  define(
    program,
    'book',
    'show the order book: asks and bids, best first',
    'book --watch',
    () => import('./commands/book.js')
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
    () => import('./commands/bid-storage.js')
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
      () => import('./commands/bid-compute.js')
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
    () => import('./commands/withdraw.js')
  )

  define(
    program,
    'mirror <path>',
    'have strangers keep a file or folder online; prints a link',
    'mirror film.mkv --copies 2 --time 30d --max "30 sat/GiB-month"',
    () => import('./commands/mirror.js')
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
    () => import('./commands/restore.js')
  ).option('--force', 'overwrite different files that are in the way')

  buying(
    define(
      program,
      'run <module> [args...]',
      "run a WebAssembly program on strangers' machines, and pay for what it uses",
      'run job.wasm --in data --out result --max "100 sat" -- --level 9',
      () => import('./commands/run.js')
    )
  )
    .option('--out <dir>', 'write what it leaves under /out to')
    .option('--max <amount>', 'most to pay for it, over all providers', '100 sat')
    .option('--max-price <price>', 'highest price (default: any)')
    .option('--map <pattern>', 'one job for each file; {} in ARGS is its path')
    .option('--parallel <n>', 'with --map: jobs at the same time', '4')
    .option('--no-stdin', 'leave our standard input alone')
    .option('--local', 'run it on this machine: the same fuel and hash, nothing paid')

  define(
    program,
    'jobs',
    'show the jobs that were bought',
    'jobs --watch',
    () => import('./commands/jobs.js')
  ).option('--watch', 'print it again whenever it changes')
  const job = group('job', 'one job: show it, or stop it', 'job show 8kc1pyjd')
  define(
    job,
    'show <id>',
    'show how a job stands, and what each provider did',
    'job show 8kc1pyjd',
    () => import('./commands/job-show.js')
  )
  define(
    job,
    'cancel <id>',
    'stop a job; what it used until then is paid',
    'job cancel 8kc1pyjd',
    () => import('./commands/job-cancel.js')
  )

  const leases = define(
    program,
    'leases',
    'show what is leased, bought and let',
    'leases --watch',
    () => import('./commands/leases.js')
  ).option('--watch', 'print it again whenever it changes')
  define(
    leases,
    'end <id>',
    'end a lease before its time',
    'leases end 8kc1pyjd',
    () => import('./commands/leases-end.js')
  )

  const wallet = define(
    program,
    'wallet',
    'show the balance, and what can be sent and received',
    'wallet',
    () => import('./commands/wallet.js')
  )
  define(
    wallet,
    'connect',
    'choose the wallet: the embedded play money, or a Core Lightning node',
    'wallet connect cln --socket ~/.lightning/bitcoin/lightning-rpc',
    () => import('./commands/wallet-connect.js')
  )
    .addArgument(new Argument('<backend>', 'which kind').choices(['cln', 'play']))
    .option('--socket <path>', "path of lightningd's socket, lightning-rpc")
    .option('--accept-real-money', 'deal with a node on bitcoin without being asked')
  define(
    wallet,
    'history',
    "show the wallet's own records, and what each was for",
    'wallet history --limit 20',
    () => import('./commands/wallet-history.js')
  ).option('--limit <n>', 'the newest so many', '50')
  define(
    wallet,
    'invoice <amount>',
    'make an invoice for anybody to pay',
    'wallet invoice "100 sat" --description thanks',
    () => import('./commands/wallet-invoice.js')
  )
    .option('--description <text>', 'what the payer reads')
    .option('--expiry <time>', 'how long it can be paid', '1h')
  define(
    wallet,
    'pay <invoice>',
    'pay an invoice, once, within the limits',
    'wallet pay lnbc...',
    () => import('./commands/wallet-pay.js')
  ).option('--max <amount>', 'pay no more than this')
  define(
    wallet,
    'limits',
    'show what may be paid, and change it',
    'wallet limits --day "50000 sat" --fee 0.5',
    () => import('./commands/wallet-limits.js')
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
    () => import('./commands/log.js')
  )
    .option('--lease <id>', 'of one agreement')
    .option('--peer <identity>', 'with one peer')
    .addOption(new Option('--kind <kind>', 'of one kind').choices(['slice', 'refund', 'direct']))
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

  const receipt = group('receipt', 'proofs of paid slices', 'receipt verify receipt.json')
  define(
    receipt,
    'export <lease>',
    'write the receipt of a paid slice',
    'receipt export 8kc1pyjd --epoch 3 --out receipt.json',
    () => import('./commands/receipt-export.js')
  )
    .option('--epoch <n>', 'which slice, from 0 (default: the last that was paid)')
    .option('--out <file>', 'write it to a file')
  define(
    receipt,
    'verify <file>',
    'check a receipt, or the evidence of a job, offline',
    'receipt verify receipt.json',
    () => import('./commands/receipt-verify.js')
  )
  define(
    program,
    'status',
    'show who this node is and how it stands',
    'status',
    () => import('./commands/status.js')
  )
  defineHelp(program, run)
  return program
}

/** What a job is, for whoever runs it. */
function buying(command: Command): Command {
  return command
    .option('--in <path>', 'a folder whose files it finds under /in, or one file')
    .option('--force', 'overwrite different files that are in the way')
    .option('--verify <n|auto>', 'run it at so many providers, and compare', '1')
    .option('--limit <name=value,...>', 'wall, cpu, memory, output, stdout, stderr, inodes')
    .option('--seed <text>', 'where its randomness comes from (default: the job)')
}

/** `help`, `help exit-codes`, `help market create`. */
function defineHelp(program: Command, run: Runner): void {
  const help = program
    .command('help [command...]')
    .description('show the help of a command, or the exit codes')
    .addHelpText('after', '\nExample:\n  $ bushel help exit-codes')
  help.action(async () => {
    const path = help.processedArgs.flat() as string[]
    if (path.length === 1 && path[0] === 'exit-codes') {
      const load: Loader = () => import('./commands/help.js')
      await run({ name: 'help', load, positional: path, options: help.optsWithGlobals() })
      return
    }
    let command = program
    for (const name of path) {
      command =
        command.commands.find(one => one.name() === name) ??
        command.error(`error: unknown command '${name}'`, { code: 'commander.unknownCommand' })
    }
    command.outputHelp()
  })
}

function nameOf(command: Command): string {
  const names: string[] = []
  for (let at: Command | null = command; at?.parent; at = at.parent) names.unshift(at.name())
  return names.join(' ')
}
