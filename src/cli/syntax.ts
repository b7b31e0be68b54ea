import type { Command } from 'commander'
import type { Action, OptionValues } from './invocation.js'

export type Loader = () => Promise<{ run: Action }>

/** A parsed command line: the command's name, its code, its arguments, and its options together with the global ones. */
export interface Typed {
  name: string
  load: Loader
  positional: readonly string[]
  options: OptionValues
}

export type Runner = (typed: Typed) => Promise<void>

/** Adds commands to the program. Each has an example in its help, and its code is loaded only when it runs. */
export class Syntax {
  readonly program: Command
  readonly #run: Runner

  constructor(program: Command, run: Runner) {
    this.program = program
    this.#run = run
  }

  readonly define = (
    parent: Command,
    syntax: string,
    description: string,
    example: string,
    load: Loader
  ): Command => {
    const command = parent.command(syntax).description(description)
    command.addHelpText('after', exampleOf(example))
    command.action(async () => {
      const positional = command.processedArgs.flat() as string[]
      await this.#run({ name: nameOf(command), load, positional, options: command.optsWithGlobals() })
    })
    return command
  }

  /** Adds a group of commands, such as `market`. */
  readonly group = (name: string, description: string, example: string): Command =>
    this.program
      .command(name)
      .helpCommand(false)
      .description(description)
      .addHelpText('after', exampleOf(example))
}

/** Adds `--watch` to a command that shows what `watch` can print again. */
export function watchable(command: Command): Command {
  return command.option('--watch', 'print it again whenever it changes')
}

export function exampleOf(example: string): string {
  return `\nExample:\n  $ bushel ${example}`
}

function nameOf(command: Command): string {
  const names: string[] = []
  for (let at: Command | null = command; at?.parent; at = at.parent) names.unshift(at.name())
  return names.join(' ')
}
