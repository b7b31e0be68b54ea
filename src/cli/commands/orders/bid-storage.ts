import { formatPrice, parseAmount, parsePrice } from '../../../../contracts/money/money.js'
import { parseTime } from '../../../../contracts/money/quantity.js'
import { withRunning } from '../../../daemon/access.js'
import { parseCopies, readablePath } from '../../input/arguments.js'
import { text } from '../../invocation.js'
import type { Action } from '../../invocation.js'
import { placed } from '../../output/order-text.js'
import { count } from '../../output/table.js'
import { BID_OFFER } from '../../input/shared-options.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'bid storage <path>',
  summary: 'publish a bid that the node fills by itself (needs `bushel up`)',
  example: 'bid storage a.mkv --time 30d --copies 3 --max-price "9 sat/GiB-month"',
  options: {
    '--time <time>': { help: 'how long to store it, such as 30d', required: true },
    '--copies <n>': { help: 'number of copies, each at another provider', required: true },
    ...BID_OFFER,
    '--max-price <price>': { help: 'highest price, such as "30 sat/GiB-month"', required: true },
    '--prepay-max <amount>': 'most to pay ahead'
  },
  calls: ['bid.storage']
}

/** Publishes a resting bid for storage, which the running node fills by itself. */
export const run: Action = async ({ access, market, dryRun, output, context }, [path], options) => {
  const time = parseTime(text(options, 'time')!)
  const copies = parseCopies(text(options, 'copies')!)
  const price = parsePrice(text(options, 'maxPrice')!)
  const offer = text(options, 'offer')
  const prepayMax = text(options, 'prepayMax')
  const params = {
    ...(market === undefined ? {} : { market }),
    ...(prepayMax === undefined ? {} : { prepayMaxMsat: parseAmount(prepayMax).toString() }),
    time,
    copies,
    ...(offer === undefined ? {} : { offer: parsePrice(offer).toString() }),
    maxPrice: price.toString(),
    path: await readablePath(path!),
    dryRun
  }
  const result = await withRunning(access, node => node.call('bid.storage', params, context))
  output.print(result, () =>
    placed(`bid for ${count(copies, 'copy', 'copies')} at up to ${formatPrice(price)}`, result)
  )
}
