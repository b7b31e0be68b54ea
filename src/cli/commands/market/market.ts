import type { CommandSyntax } from '../../syntax.js'

/** The group: its commands are beside this file. */
export const syntax: CommandSyntax = {
  usage: 'market',
  summary: 'found, join, choose and leave markets',
  example: 'market list'
}
