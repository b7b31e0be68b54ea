import { readFileSync } from 'node:fs'
import { defaultHome } from '../identity/default-home.js'
import { Command, Option } from './commander.js'
import { commandOf, exampleOf, mentioned, nameOf, termOf } from './syntax.js'
import type { CommandModule, CommandSyntax, ListedCommand, Runner, Typed } from './syntax.js'

export interface ProgramOptions {
  version: string
  argv: readonly string[]
  run: Runner
  /** Prints help or the version, which the user requested. */
  onhelp: (text: string) => void
  /** Receives what commander would write to standard error: usage errors, and their help. */
  onerror: (text: string) => void
}

/**
 * Defines the syntax of all commands from the list that the build made of them. The code of a command is loaded only when
 * it runs, so that help is fast. Global options are defined on the program only: commander then accepts them before and
 * after the name of a command.
 */
export async function createProgram({
  version,
  argv,
  run,
  onhelp,
  onerror
}: ProgramOptions): Promise<Command> {
  const program = new Command('bushel')
    .description(
      'A peer-to-peer marketplace node: buy and sell disk space and compute for sats, without a company in the middle'
    )
    .version(version, '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({ writeOut: onhelp, writeErr: onerror })
    .configureHelp({ showGlobalOptions: true, helpWidth: 80, subcommandTerm: termOf })
    .addOption(new Option('--json', 'print JSON lines; the last one is the result'))
    .addOption(
      new Option('--home <dir>', 'home folder of the node')
        .env('BUSHEL_HOME')
        .default(defaultHome() ?? undefined, '~/.bushel')
    )
    .addOption(
      new Option('--bootstrap <host:port,...>', 'use a private DHT instead of the public one').env(
        'BUSHEL_BOOTSTRAP'
      )
    )
    .addOption(new Option('--market <name|key>', 'name or key of the market (default: the market in use)'))
    .addOption(new Option('--dry-run', 'print what would be done, and do nothing'))
    .helpCommand(false)

  const commands = new Map([['', program]])
  for (const listed of readList()) {
    const name = nameOf(listed.syntax)
    const words = name.split(' ')
    const load = (): Promise<CommandModule> =>
      import(`./commands/${listed.file}.js`) as Promise<CommandModule>
    const parent = commands.get(words.slice(0, -1).join(' '))
    if (!parent) continue // of a group that was not typed
    const typed = words.every(word => argv.includes(word))
    const syntax = typed && listed.syntax.live ? ofName(await load(), name) : listed.syntax
    const command = typed ? commandOf(syntax, listed.group) : mentioned(syntax)
    if (parent === program) command.helpGroup(listed.heading)
    parent.addCommand(command.copyInheritedSettings(parent))
    if (!typed) continue // it stands in the help, and cannot run
    commands.set(name, command)
    if (listed.group) continue
    command.action(async () => {
      const positional = command.processedArgs.flat() as string[]
      await run({ name, load, positional, options: command.optsWithGlobals() })
    })
  }
  defineHelp(program, run)
  return program
}

/** The commands, a group before its own. */
function readList(): ListedCommand[] {
  return JSON.parse(readFileSync(new URL('./commands.json', import.meta.url), 'utf8')) as ListedCommand[]
}

function ofName({ syntax }: CommandModule, name: string): CommandSyntax {
  return [syntax].flat().find(one => nameOf(one) === name)!
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
      const load: Typed['load'] = () => import('./exit-codes-help.js')
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
