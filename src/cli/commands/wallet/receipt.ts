import type { CommandSyntax } from '../../syntax.js'

/** The group: its commands are beside this file. */
export const syntax: CommandSyntax = {
  usage: 'receipt',
  summary: 'export or verify proofs of paid installments',
  example: 'receipt verify receipt.json'
}
