import { Argument, Command, Option } from './commander.js'
import type { Method } from '../node/api/api.js'
import type { Action, OptionValues } from './invocation.js'

/** How a command is typed, as its help shows it. Plain data: the build writes it to a file. */
export interface CommandSyntax {
  /** Its words and arguments, such as `market join <key>`. */
  usage: string
  summary: string
  /** A command line without `bushel`. */
  example: string
  /** An argument that is one of several words. */
  argument?: { name: string; help: string; choices: readonly string[]; default?: string }
  /** By flags, such as `--copies <n>`. */
  options?: Record<string, string | OptionSyntax>
  /** The calls that it makes, which scripts can make as well. */
  calls?: readonly Method[]
  /** True when it depends on what is registered in this process: it is read from its module. */
  live?: boolean
}

interface OptionSyntax {
  help: string
  default?: string
  required?: boolean
  choices?: readonly string[]
  /** True: it may be given several times, and its value is a list. */
  repeated?: boolean
}

/** The module of a command; a group has no `run`. */
export interface CommandModule {
  syntax: CommandSyntax | CommandSyntax[]
  run?: Action
}

/** A line of `commands.json`. */
export interface ListedCommand {
  /** Below `commands/`, without its ending. */
  file: string
  heading: string
  group: boolean
  syntax: CommandSyntax
}

/** A parsed command line: the command's name, its code, its arguments, and its options together with the global ones. */
export interface Typed {
  name: string
  load: () => Promise<Pick<CommandModule, 'run'>>
  positional: readonly string[]
  options: OptionValues
}

export type Runner = (typed: Typed) => Promise<void>

/** The words of a command, such as `market join`. */
export function nameOf({ usage }: Pick<CommandSyntax, 'usage'>): string {
  return usage.replace(/ *[<[].*$/, '')
}

/** A command as the help of its group mentions it. */
export function mentioned({ usage, summary }: CommandSyntax): Command {
  const name = nameOf({ usage })
  const command = new Command(name.split(' ').at(-1)).description(summary)
  const typed = usage.slice(name.length).trim()
  return typed ? command.arguments(typed) : command
}

/** How a command stands in the help of its group: its name and arguments. */
export function termOf(command: Command): string {
  const given = command.registeredArguments.map(one => {
    const name = one.name() + (one.variadic ? '...' : '')
    return one.required ? ` <${name}>` : ` [${name}]`
  })
  return command.name() + given.join('')
}

/** A command as commander knows it, without its action. */
export function commandOf(syntax: CommandSyntax, group: boolean): Command {
  const command = mentioned(syntax)
  const { argument, options = {}, calls = [] } = syntax
  if (argument) {
    const added = new Argument(argument.name, argument.help).choices(argument.choices)
    command.addArgument(argument.default === undefined ? added : added.default(argument.default))
  }
  for (const [flags, given] of Object.entries(options)) {
    const option = typeof given === 'string' ? { help: given } : given
    const added = new Option(flags, option.help).makeOptionMandatory(option.required === true)
    if (option.repeated) added.argParser((text, given: string[] = []) => [...given, text])
    if (option.choices) added.choices(option.choices)
    command.addOption(option.default === undefined ? added : added.default(option.default))
  }
  if (group) command.helpCommand(false)
  const scripts = calls.map(call => `\n  $ bushel api ${call}`).join('')
  return command.addHelpText('after', exampleOf(syntax.example) + (scripts && `\n\nFor scripts:${scripts}`))
}

export function exampleOf(example: string): string {
  return `\nExample:\n  $ bushel ${example}`
}
