import { readApi } from '../../../daemon/api.js'
import type { Action } from '../../invocation.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'api [method]',
  summary: 'print the calls of a node for scripts, as an OpenRPC document',
  example: 'api mirror'
}

/** Prints the OpenRPC document of all calls, or one call in words; with --json both as JSON. */
export const run: Action = async ({ output }, [method]) => {
  const { document, words } = await readApi(method)
  if (output.json || method === undefined) output.text(JSON.stringify(document, null, output.json ? 0 : 2))
  else output.text(words)
}
