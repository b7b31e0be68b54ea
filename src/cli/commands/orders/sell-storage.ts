import { BushelError } from '../../../../contracts/errors/error.js'
import { formatPrice, parsePrice } from '../../../../contracts/money/money.js'
import { formatSize, parseSize, parseTime } from '../../../../contracts/money/quantity.js'
import { parseRegion } from '../../input/arguments.js'
import { FLOOR } from '../../input/shared-options.js'
import { given, parsed, text } from '../../invocation.js'
import { oneCall, onRunning } from '../../one-call.js'
import { placed } from '../../output/order-text.js'

/** Publishes an offer of disk space, which the running node serves. */
export const { syntax, run } = oneCall({
  usage: 'sell storage',
  summary: 'offer disk space on the book (needs `bushel up`)',
  example: 'sell storage --space 500GiB --price "25 sat/GiB-month" --region eu',
  options: {
    '--space <size>': { help: 'space to offer, such as 500GiB', required: true },
    '--price <price>': { help: 'price, such as "25 sat/GiB-month"', required: true },
    ...FLOOR,
    '--min-time <time>': { help: 'shortest lease', default: '1h' },
    '--max-time <time>': { help: 'longest lease', default: '365d' },
    '--region <region>': 'region of the disk, such as eu'
  },
  call: onRunning('sell.storage'),
  params: ({ market, dryRun }, _positional, options) => {
    const space = parseSize(text(options, 'space')!)
    const price = parsePrice(text(options, 'price')!).toString()
    const minTime = parseTime(text(options, 'minTime') ?? '1h')
    const maxTime = parseTime(text(options, 'maxTime') ?? '365d')
    if (maxTime < minTime)
      throw new BushelError('BAD_INPUT', '--max-time is shorter than --min-time', 'swap the two')
    const floor = parsed(options, 'floor', parsePrice)?.toString()
    const region = parsed(options, 'region', parseRegion) ?? ''
    return { ...given({ market, floor }), space, price, minTime, maxTime, region, dryRun }
  },
  text: (order, { space, price }) =>
    placed(`offer of ${formatSize(space)} at ${formatPrice(BigInt(price))}`, order)
})
