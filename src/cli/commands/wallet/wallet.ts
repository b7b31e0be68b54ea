import { formatAmount } from '../../../../contracts/money/money.js'
import { read } from '../../../daemon/access.js'
import type { Action } from '../../invocation.js'
import { facts } from '../../output/table.js'

/** The balance. */
export const run: Action = async ({ access, output, context }) => {
  const result = await read(access, 'wallet', context)
  output.print(result, () =>
    facts([
      [
        'wallet',
        result.backend === 'play' ? 'play (embedded)' : `Core Lightning ${result.nodeId!.slice(0, 16)}`
      ],
      [
        'network',
        result.network.startsWith('play') ? `${result.network} (play money, worth nothing)` : result.network
      ],
      ['spendable', formatAmount(BigInt(result.spendableMsat))],
      ['receivable', `${formatAmount(BigInt(result.receivableMsat))} over the channels open now`]
    ])
  )
}
