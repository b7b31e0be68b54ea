import { formatAmount, parseAmount } from '../../../../contracts/money/money.js'
import { parseTime } from '../../../../contracts/money/quantity.js'
import { withNode } from '../../../daemon/access.js'
import { text } from '../../invocation.js'
import type { Action } from '../../invocation.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'wallet invoice <amount>',
  summary: 'create an invoice that anyone can pay',
  example: 'wallet invoice "100 sat" --description thanks',
  options: {
    '--description <text>': 'description for the payer',
    '--expiry <time>': { help: 'how long it is valid', default: '1h' }
  },
  calls: ['wallet.invoice']
}

/** Creates an invoice that anyone can pay. */
export const run: Action = async ({ access, dryRun, output, context }, [amount], options) => {
  const msat = parseAmount(amount!).toString()
  const expirySeconds = Math.ceil(parseTime(text(options, 'expiry') ?? '1h') / 1000)
  const params = { msat, description: text(options, 'description') ?? '', expirySeconds, dryRun }
  const result = await withNode(access, node => node.call('wallet.invoice', params, context))
  output.print(result, () =>
    dryRun ? `would create an invoice for ${formatAmount(BigInt(msat))}` : result.invoice
  )
}
