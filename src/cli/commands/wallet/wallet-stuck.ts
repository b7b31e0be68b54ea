import { formatAmount } from '../../../../contracts/money/money.js'
import { oneCall, onNode } from '../../one-call.js'
import { dateText } from '../../output/order-text.js'
import { paidFor } from '../../output/payment-text.js'
import { facts } from '../../output/table.js'

/** Prints payments that are not over, why, and what can be done. */
export const { syntax, run } = oneCall({
  usage: 'wallet stuck',
  summary: 'show payments that hang, why, and what can be done',
  example: 'wallet stuck',
  options: {},
  call: onNode('wallet.stuck'),
  params: () => ({}),
  text: ({ payments }) => {
    if (payments.length === 0) return ['no payment hangs']
    return payments.flatMap(({ hash, msat, feeMsat, at, kind, agreement, installment, why, todo }) => [
      ...facts([
        ['payment', `${formatAmount(BigInt(msat))} since ${dateText(at)}, hash ${hash}`],
        ['for', agreement ? paidFor(kind, installment ?? 0, agreement) : kind],
        ['bound', `${formatAmount(BigInt(feeMsat))} for its fee, besides`],
        ['why', why],
        ['do', todo]
      ]),
      ''
    ])
  }
})
