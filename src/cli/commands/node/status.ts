import { read } from '../../../daemon/access.js'
import type { Action } from '../../invocation.js'
import type { StatusResult } from '../../../node/api/api.js'
import { count, facts } from '../../output/table.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'status',
  summary: 'show the identity and the state of this node',
  example: 'status',
  calls: ['status']
}

/** Prints the identity and the state of this node. */
export const run: Action = async ({ access, output, context }) => {
  const result = await read(access, 'status', context)
  const { identity, device, pid, network, wallet, market, peers, resources, notes } = result
  output.print(result, () =>
    facts([
      ['identity', identity],
      ['device', device],
      ['node', pid === null ? 'not running' : `running, process ${pid}, ${count(peers, 'peer', 'peers')}`],
      ['network', network],
      ['wallet', walletText(wallet)],
      ['market', market ?? 'none in use'],
      ...Object.values(resources).flatMap(({ lines }) =>
        lines.map(({ label, text }): [string, string] => [label, text])
      ),
      ...notes.map((note): [string, string] => ['note', note])
    ])
  )
}

function walletText(wallet: StatusResult['wallet']): string {
  if (!wallet) return 'not in use'
  return wallet.reason ? `${wallet.state}: ${wallet.reason}` : wallet.state
}
