import { formatAmount } from '../../../../contracts/money/money.js'
import type { WalletEntry } from '../../../node/api/api.js'
import { parseWhole } from '../../input/arguments.js'
import { text } from '../../invocation.js'
import { oneCall, onNode } from '../../one-call.js'
import { dateText } from '../../output/order-text.js'
import { paidFor } from '../../output/payment-text.js'
import { list, right } from '../../output/table.js'

/** Prints the wallet's own records, each with its purpose from the ledger. */
export const { syntax, run } = oneCall({
  usage: 'wallet history',
  summary: "show the wallet's own records with their purpose",
  example: 'wallet history --limit 20',
  options: {
    '--limit <n>': { help: 'number of newest records', default: '50' }
  },
  call: onNode('wallet.history'),
  params: (_invocation, _positional, options) => ({
    limit: parseWhole(text(options, 'limit') ?? '50', 'number of lines', 100_000)
  }),
  text: ({ records }) =>
    list(records, 'no payment was sent or received yet', [
      [{ title: 'WHEN' }, ({ at }) => dateText(at)],
      [{ title: '' }, ({ direction }) => direction],
      [right('AMOUNT'), ({ msat }) => formatAmount(BigInt(msat))],
      [right('FEE'), ({ feeMsat }) => formatAmount(BigInt(feeMsat))],
      [{ title: 'STATE' }, ({ status }) => status],
      [{ title: 'FOR', flexible: true }, purposeOf]
    ])
})

function purposeOf({ kind, agreement, installment, description }: WalletEntry): string {
  if (kind && agreement && installment !== null) return paidFor(kind, installment, agreement)
  return description || (kind ?? 'not from Bushel')
}
