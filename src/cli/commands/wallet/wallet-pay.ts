import { formatAmount, parseAmount } from '../../../../contracts/money/money.js'
import { given, parsed } from '../../invocation.js'
import { oneCall, onNode } from '../../one-call.js'

/** Pays an invoice once, within the spending limits. */
export const { syntax, run } = oneCall({
  usage: 'wallet pay <invoice>',
  summary: 'pay an invoice once, within the limits',
  example: 'wallet pay lnbc...',
  options: {
    '--max <amount>': 'most to pay for it, its expected fee included'
  },
  call: onNode('wallet.pay'),
  params: ({ dryRun }, [invoice], options) => ({
    invoice: invoice!.trim(),
    dryRun,
    ...given({ maxMsat: parsed(options, 'max', parseAmount)?.toString() })
  }),
  text: ({ msat, feeMsat, payee, description, preimage }, { dryRun }) => {
    const [what, fee] = [formatAmount(BigInt(msat)), formatAmount(BigInt(feeMsat))]
    return dryRun
      ? `would pay ${what}, and a fee of about ${fee}, to ${payee.slice(0, 16)} for '${description}'`
      : [`paid ${what} (fee ${fee}) to ${payee.slice(0, 16)}`, `preimage ${preimage}`]
  }
})
