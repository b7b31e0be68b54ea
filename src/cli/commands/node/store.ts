import type { CommandSyntax } from '../../syntax.js'

/** The group: its commands are beside this file. */
export const syntax: CommandSyntax = {
  usage: 'store',
  summary: 'the records of the home',
  example: 'store check'
}
