import { formatAmount, parseAmount } from '../../../../contracts/money/money.js'
import { parseTime } from '../../../../contracts/money/quantity.js'
import { text } from '../../invocation.js'
import { oneCall, onNode } from '../../one-call.js'

/** Creates an invoice that anyone can pay. */
export const { syntax, run } = oneCall({
  usage: 'wallet invoice <amount>',
  summary: 'create an invoice that anyone can pay',
  example: 'wallet invoice "100 sat" --description thanks',
  options: {
    '--description <text>': 'description for the payer',
    '--expiry <time>': { help: 'how long it is valid', default: '1h' }
  },
  call: onNode('wallet.invoice'),
  params: ({ dryRun }, [amount], options) => ({
    msat: parseAmount(amount!).toString(),
    expirySeconds: Math.ceil(parseTime(text(options, 'expiry') ?? '1h') / 1000),
    description: text(options, 'description') ?? '',
    dryRun
  }),
  text: ({ invoice }, { msat, dryRun }) =>
    dryRun ? `would create an invoice for ${formatAmount(BigInt(msat))}` : invoice
})
