import { formatFuelPrice, parseFuelPrice } from '../../../../contracts/job.js'
import { formatAmount, parseAmount } from '../../../../contracts/money/money.js'
import { formatSize, parseSize } from '../../../../contracts/money/quantity.js'
import { withRunning } from '../../../daemon/access.js'
import { parseCores, parseHours, parseRegion } from '../../input/arguments.js'
import { text } from '../../invocation.js'
import type { Action } from '../../invocation.js'
import { placed } from '../../output/order-text.js'
import { count } from '../../output/table.js'
import { FLOOR } from '../../input/shared-options.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'sell compute',
  summary: 'offer to run jobs for others (needs `bushel up`)',
  example: 'sell compute --cores 2 --memory 2GiB --price "40 sat/Tfuel"',
  options: {
    '--cores <n>': { help: 'number of jobs at the same time', required: true },
    '--memory <size>': { help: 'memory for all of them together, such as 2GiB', required: true },
    '--price <price>': { help: 'price, such as "40 sat/Tfuel"', required: true },
    ...FLOOR,
    '--base <amount>': { help: 'base for each job, in addition to its fuel', default: '1 sat' },
    '--only-idle': 'run jobs only while the machine is idle',
    '--hours <from-to>': 'run jobs only at these hours, such as 22:00-07:00',
    '--allow-process': 'sell without bubblewrap if it does not work: less isolation',
    '--region <region>': 'region of the machine, such as eu'
  },
  calls: ['sell.compute']
}

/** Publishes an offer to run jobs, which the running node serves. */
export const run: Action = async ({ access, market, dryRun, output, context }, _positional, options) => {
  const cores = parseCores(text(options, 'cores')!)
  const memory = parseSize(text(options, 'memory')!)
  const price = parseFuelPrice(text(options, 'price')!)
  const base = parseAmount(text(options, 'base')!)
  const hours = text(options, 'hours')
  const floor = text(options, 'floor')
  const region = text(options, 'region')
  const params = {
    ...(market === undefined ? {} : { market }),
    cores,
    memory,
    price: price.toString(),
    ...(floor === undefined ? {} : { floor: parseFuelPrice(floor).toString() }),
    baseMsat: base.toString(),
    region: region === undefined ? '' : parseRegion(region),
    onlyIdle: options.onlyIdle === true,
    hours: hours === undefined ? null : parseHours(hours),
    allowProcess: options.allowProcess === true,
    dryRun
  }
  const result = await withRunning(access, node => node.call('sell.compute', params, context))
  const what = `${count(cores, 'core', 'cores')} with ${formatSize(memory)}`
  output.print(result, () => [
    ...placed(`offer of ${what} at ${formatFuelPrice(price)} plus ${formatAmount(base)} per job`, result),
    result.isolation === 'bwrap'
      ? 'jobs run in bubblewrap, without your files and without network'
      : 'jobs run WITHOUT bubblewrap, in a separate process'
  ])
}
