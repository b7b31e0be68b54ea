import type { CommandSyntax } from '../../syntax.js'

/** The group: its commands are beside this file. */
export const syntax: CommandSyntax = {
  usage: 'sell',
  summary: 'publish an offer on the book, or pause',
  example: 'sell storage --space 500GiB --price "25 sat/GiB-month"'
}
