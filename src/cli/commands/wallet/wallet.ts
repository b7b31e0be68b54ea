import { formatAmount } from '../../../../contracts/money/money.js'
import { read } from '../../../daemon/access.js'
import { isPlayMoney } from '../../../lightning/networks.js'
import { findBackend } from '../../../lightning/registry.js'
import type { Action } from '../../invocation.js'
import { facts } from '../../output/table.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'wallet',
  summary: 'show the balance: what can be sent and received',
  example: 'wallet',
  calls: ['wallet']
}

/** Prints the wallet's node, network and balance. */
export const run: Action = async ({ access, output, context }) => {
  const result = await read(access, 'wallet', context)
  const title = findBackend(result.backend)?.title ?? result.backend
  output.print(result, () =>
    facts([
      ['wallet', `${title} ${result.nodeId?.slice(0, 16) ?? '(embedded)'}`],
      [
        'network',
        isPlayMoney(result.network) ? `${result.network} (play money, worth nothing)` : result.network
      ],
      ['spendable', formatAmount(BigInt(result.spendableMsat))],
      ['receivable', `${formatAmount(BigInt(result.receivableMsat))} over the channels that are open now`]
    ])
  )
}
