import { formatAmount } from '../../../../contracts/money/money.js'
import { withNode } from '../../../daemon/access.js'
import { parseWhole } from '../../input/arguments.js'
import { text } from '../../invocation.js'
import type { Action } from '../../invocation.js'
import { dateText } from '../../output/order-text.js'
import { paidFor } from '../../output/payment-text.js'
import { right, table } from '../../output/table.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'wallet history',
  summary: "show the wallet's own records with their purpose",
  example: 'wallet history --limit 20',
  options: {
    '--limit <n>': { help: 'number of newest records', default: '50' }
  },
  calls: ['wallet.history']
}

/** Prints the wallet's own records, each with its purpose from the ledger. */
export const run: Action = async ({ access, output, context }, _positional, options) => {
  const limit = parseWhole(text(options, 'limit') ?? '50', 'number of lines', 100_000)
  const result = await withNode(access, node => node.call('wallet.history', { limit }, context))
  output.print(result, () =>
    result.records.length === 0
      ? 'no payment was sent or received yet'
      : table(
          [
            { title: 'WHEN' },
            { title: '' },
            right('AMOUNT'),
            right('FEE'),
            { title: 'STATE' },
            { title: 'FOR', flexible: true }
          ],
          result.records.map(
            ({ at, direction, msat, feeMsat, status, kind, agreement, installment, description }) => [
              dateText(at),
              direction,
              formatAmount(BigInt(msat)),
              formatAmount(BigInt(feeMsat)),
              status,
              kind && agreement && installment !== null
                ? paidFor(kind, installment, agreement)
                : description || (kind ?? 'not from Bushel')
            ]
          )
        )
  )
}
