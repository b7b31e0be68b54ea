import type { CommandSyntax } from '../../syntax.js'

/** The group: its commands are beside this file. */
export const syntax: CommandSyntax = {
  usage: 'bid',
  summary: 'publish a resting bid on the book',
  example: 'bid storage photos --time 30d --copies 3 --max "30 sat/GiB-month"'
}
