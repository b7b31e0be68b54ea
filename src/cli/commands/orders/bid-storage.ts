import { formatPrice, parseAmount, parsePrice } from '../../../../contracts/money/money.js'
import { parseTime } from '../../../../contracts/money/quantity.js'
import { parseAhead, parseCopies, readablePath } from '../../input/arguments.js'
import { AHEAD, BID_OFFER, EXCLUDE, YES } from '../../input/shared-options.js'
import { consented } from '../../input/consent.js'
import { given, parsed, text, texts } from '../../invocation.js'
import { oneCall, onRunning } from '../../one-call.js'
import { placed } from '../../output/order-text.js'
import { count } from '../../output/table.js'

/** Publishes a resting bid for storage, which the running node fills by itself. */
export const { syntax, run } = oneCall({
  usage: 'bid storage <path>',
  summary: 'publish a bid that the node fills by itself (needs `bushel up`)',
  example: 'bid storage a.mkv --time 30d --copies 3 --max-price "9 sat/GiB-month"',
  options: {
    '--time <time>': { help: 'how long to store it, such as 30d', required: true },
    '--copies <n>': { help: 'number of copies, each at another provider', required: true },
    '--name <name>': 'name of the mirror once it is placed (default: that of the path)',
    ...EXCLUDE,
    ...BID_OFFER,
    '--max-price <price>': { help: 'highest price, such as "30 sat/GiB-month"', required: true },
    ...AHEAD,
    ...YES
  },
  call: onRunning('bid.storage'),
  params: async ({ market, dryRun }, [path], options) => ({
    time: parseTime(text(options, 'time')!),
    copies: parseCopies(text(options, 'copies')!),
    maxPrice: parsePrice(text(options, 'maxPrice')!).toString(),
    ...given({
      market,
      name: text(options, 'name'),
      exclude: texts(options, 'exclude'),
      ahead: parsed(options, 'ahead', value => parseAhead(value, text(options, 'time')!)),
      prepayMaxMsat: parsed(options, 'prepayMax', parseAmount)?.toString(),
      offer: parsed(options, 'offer', parsePrice)?.toString()
    }),
    path: await readablePath(path!),
    dryRun
  }),
  // It is filled when nobody is there to be asked.
  consent: async (_make, params, options) =>
    params.ahead === undefined || options['yes'] === true
      ? params
      : { ...params, prepayMaxMsat: consented(params.prepayMaxMsat, 0n) },
  text: (order, { copies, maxPrice }) =>
    placed(`bid for ${count(copies, 'copy', 'copies')} at up to ${formatPrice(BigInt(maxPrice))}`, order)
})
