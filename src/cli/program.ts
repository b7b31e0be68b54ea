import { homedir } from 'node:os'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { defineJobs } from './commands/jobs/syntax.js'
import { defineMarkets } from './commands/market/syntax.js'
import { defineLeases, defineMirrors } from './commands/storage/syntax.js'
import { defineMoney } from './commands/wallet/syntax.js'
import { defineSettingUp, defineStatus, defineUp } from './commands/node/syntax.js'
import { defineOrders } from './commands/orders/syntax.js'
import { Syntax, exampleOf } from './syntax.js'
import type { Loader, Runner } from './syntax.js'

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

  const syntax = new Syntax(program, run)
  // In the order in which help lists them.
  defineSettingUp(syntax)
  defineMarkets(syntax)
  defineUp(syntax)
  defineOrders(syntax)
  defineMirrors(syntax)
  defineJobs(syntax)
  defineLeases(syntax)
  defineMoney(syntax)
  defineStatus(syntax)
  defineHelp(program, run)
  return program
}

/** `help`, `help exit-codes`, `help market create`. */
function defineHelp(program: Command, run: Runner): void {
  const help = program
    .command('help [command...]')
    .description('show the help of a command, or the exit codes')
    .addHelpText('after', exampleOf('help exit-codes'))
  help.action(async () => {
    const path = help.processedArgs.flat() as string[]
    if (path.length === 1 && path[0] === 'exit-codes') {
      const load: Loader = () => import('./commands/node/help.js')
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
