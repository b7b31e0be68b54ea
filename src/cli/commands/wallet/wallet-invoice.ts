import { formatAmount, parseAmount } from '../../../../contracts/money/money.js'
import { parseTime } from '../../../../contracts/money/quantity.js'
import { withNode } from '../../../daemon/access.js'
import { text } from '../../invocation.js'
import type { Action } from '../../invocation.js'

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
