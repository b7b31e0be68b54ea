import { homedir } from 'node:os'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { defineJobs } from './commands/jobs/syntax.js'
import { defineMarkets } from './commands/market/syntax.js'
import { defineLeases, defineMirrors } from './commands/storage/syntax.js'
import { defineMoney } from './commands/wallet/syntax.js'
import { defineSettingUp, defineStatus, defineStore, defineUp } from './commands/node/syntax.js'
import { defineOrders } from './commands/orders/syntax.js'
import { Syntax, exampleOf } from './syntax.js'
import type { Loader, Runner } from './syntax.js'

export interface ProgramOptions {
  version: string
  run: Runner
  /** Prints help or the version, which the user requested. */
  onhelp: (text: string) => void
  /** Receives what commander would write to standard error: usage errors, and their help. */
  onerror: (text: string) => void
}

/**
 * Defines the syntax of all commands. The code of a command is loaded only when it runs, so that help is fast. Global
 * options are defined on the program only: commander then accepts them before and after the name of a command.
 */
export function createProgram({ version, run, onhelp, onerror }: ProgramOptions): Command {
  const program = new Command('bushel')
    .description(
      'A peer-to-peer marketplace node: buy and sell disk space and compute for sats, without a company in the middle'
    )
    .version(version, '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({ writeOut: onhelp, writeErr: onerror })
    .configureHelp({ showGlobalOptions: true, helpWidth: 80 })
    .addOption(new Option('--json', 'print JSON lines; the last one is the result'))
    .addOption(
      new Option('--home <dir>', 'home folder of the node')
        .env('BUSHEL_HOME')
        .default(join(homedir(), '.bushel'), '~/.bushel')
    )
    .addOption(
      new Option('--bootstrap <host:port,...>', 'use a private DHT instead of the public one').env(
        'BUSHEL_BOOTSTRAP'
      )
    )
    .addOption(new Option('--market <name|key>', 'name or key of the market (default: the market in use)'))
    .addOption(new Option('--dry-run', 'print what would be done, and do nothing'))
    .helpCommand(false)

  const syntax = new Syntax(program, run)
  // Help lists the commands in this order.
  defineSettingUp(syntax)
  defineMarkets(syntax)
  defineUp(syntax)
  defineOrders(syntax)
  defineMirrors(syntax)
  defineJobs(syntax)
  defineLeases(syntax)
  defineMoney(syntax)
  defineStatus(syntax)
  defineStore(syntax)
  defineHelp(program, run)
  return program
}

/** Defines `help`, `help exit-codes` and help for a command, such as `help market create`. */
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
