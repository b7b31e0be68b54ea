import { BushelError } from '../../../../contracts/errors/error.js'
import { formatPrice, parsePrice } from '../../../../contracts/money/money.js'
import { formatSize, parseSize, parseTime } from '../../../../contracts/money/quantity.js'
import { withRunning } from '../../../daemon/access.js'
import { parseRegion } from '../../input/arguments.js'
import { text } from '../../invocation.js'
import type { Action } from '../../invocation.js'
import { placed } from '../../output/order-text.js'
import { FLOOR } from '../../input/shared-options.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
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
  calls: ['sell.storage']
}

/** Publishes an offer of disk space, which the running node serves. */
export const run: Action = async ({ access, market, dryRun, output, context }, _positional, options) => {
  const space = parseSize(text(options, 'space')!)
  const price = parsePrice(text(options, 'price')!)
  const minTime = parseTime(text(options, 'minTime') ?? '1h')
  const maxTime = parseTime(text(options, 'maxTime') ?? '365d')
  if (maxTime < minTime)
    throw new BushelError('BAD_INPUT', '--max-time is shorter than --min-time', 'swap the two')
  const floor = text(options, 'floor')
  const region = text(options, 'region')
  const params = {
    ...(market === undefined ? {} : { market }),
    space,
    price: price.toString(),
    ...(floor === undefined ? {} : { floor: parsePrice(floor).toString() }),
    minTime,
    maxTime,
    region: region === undefined ? '' : parseRegion(region),
    dryRun
  }
  const result = await withRunning(access, node => node.call('sell.storage', params, context))
  output.print(result, () => placed(`offer of ${formatSize(space)} at ${formatPrice(price)}`, result))
}
