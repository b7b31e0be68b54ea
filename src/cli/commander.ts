import { createRequire } from 'node:module'
import type * as commander from 'commander'

// Required rather than imported: as a module of the other kind it is read twice, which takes a fifth of the time of --help.
const loaded = createRequire(import.meta.url)('commander') as typeof commander

export const { Argument, Command, CommanderError, Option } = loaded
export type Command = commander.Command
export type CommanderError = commander.CommanderError
