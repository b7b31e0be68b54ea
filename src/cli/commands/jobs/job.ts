import type { CommandSyntax } from '../../syntax.js'

/** The group: its commands are beside this file. */
export const syntax: CommandSyntax = {
  usage: 'job',
  summary: 'show, fetch or cancel one job',
  example: 'job show 8kc1pyjd'
}
