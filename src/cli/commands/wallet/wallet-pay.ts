import { formatAmount, parseAmount } from '../../../../contracts/money/money.js'
import { withNode } from '../../../daemon/access.js'
import { text } from '../../invocation.js'
import type { Action } from '../../invocation.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'wallet pay <invoice>',
  summary: 'pay an invoice once, within the limits',
  example: 'wallet pay lnbc...',
  options: {
    '--max <amount>': 'most to pay for it'
  },
  calls: ['wallet.pay']
}

/** Pays an invoice once, within the spending limits. */
export const run: Action = async ({ access, dryRun, output, context }, [invoice], options) => {
  const max = text(options, 'max')
  const params = {
    invoice: invoice!.trim(),
    dryRun,
    ...(max === undefined ? {} : { maxMsat: parseAmount(max).toString() })
  }
  const result = await withNode(access, node => node.call('wallet.pay', params, context))
  const amount = formatAmount(BigInt(result.msat))
  output.print(result, () =>
    dryRun
      ? `would pay ${amount} to ${result.payee.slice(0, 16)} for '${result.description}'`
      : [
          `paid ${amount} (fee ${formatAmount(BigInt(result.feeMsat))}) to ${result.payee.slice(0, 16)}`,
          `preimage ${result.preimage}`
        ]
  )
}
