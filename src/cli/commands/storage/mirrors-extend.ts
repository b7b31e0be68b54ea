import { formatAmount, formatPrice, parsePrice } from '../../../../contracts/money/money.js'
import { parseTime } from '../../../../contracts/money/quantity.js'
import { given, parsed, text } from '../../invocation.js'
import { oneCall, onNode } from '../../one-call.js'
import { dateText } from '../../output/order-text.js'
import { facts, list, right } from '../../output/table.js'

/** Keeps a mirror for longer, where it is. */
export const { syntax, run } = oneCall({
  usage: 'mirrors extend <name>',
  summary: 'keep a mirror for longer, at its providers and without an upload',
  example: 'mirrors extend films --time 90d',
  options: {
    '--time <time>': { help: 'how much longer, such as 30d, 4w or 1y', default: '30d' },
    '--max-price <price>': 'highest price, such as "30 sat/GiB-month" (default: any)'
  },
  call: onNode('mirrors.extend'),
  params: ({ dryRun }, [mirror], options) => ({
    mirror: mirror!,
    time: parseTime(text(options, 'time')!),
    ...given({ maxPrice: parsed(options, 'maxPrice', parsePrice)?.toString() }),
    dryRun
  }),
  isPart: ({ ok }) => !ok,
  text: ({ copies, chargeMsat, restMsat, paidMsat }, { dryRun }) => [
    ...list(copies, 'no copies', [
      [{ title: 'PROVIDER' }, ({ provider }) => provider.slice(0, 8)],
      [
        { title: 'RESULT', flexible: true },
        ({ result, why }) => (why ? `${result}: ${why}` : dryRun ? 'would be extended' : result)
      ],
      [right('PRICE'), ({ price }) => (price === '0' ? '' : formatPrice(BigInt(price)))],
      [{ title: 'ENDS' }, ({ ends }) => dateText(ends)]
    ]),
    '',
    ...facts([
      [dryRun ? 'would cost' : 'costs', formatAmount(BigInt(chargeMsat))],
      ...(restMsat === '0' ? [] : [rest(restMsat)]),
      ...(dryRun ? [] : [['paid now', formatAmount(BigInt(paidMsat))] as [string, string]])
    ])
  ]
})

function rest(msat: string): [string, string] {
  return ['before that', `${formatAmount(BigInt(msat))} that are left to pay until the end`]
}
