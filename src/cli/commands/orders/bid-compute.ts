import { formatFuelPrice, parseFuelPrice } from '../../../../contracts/job.js'
import { formatAmount } from '../../../../contracts/money/money.js'
import { withRunning } from '../../../daemon/access.js'
import { text } from '../../invocation.js'
import type { Action } from '../../invocation.js'
import { JOB_OPTIONS, buyParams, jobParams } from '../../input/job-arguments.js'
import { placed } from '../../output/order-text.js'
import { BID_OFFER } from '../../input/shared-options.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'bid compute <module> [args...]',
  summary: 'publish a bid that the node fills by itself (needs `bushel up`)',
  example: 'bid compute a.wasm --out o --max "9 sat" --max-price "9 sat/Tfuel"',
  options: {
    ...JOB_OPTIONS,
    '--max <amount>': { help: 'most to pay, over all providers', required: true },
    ...BID_OFFER,
    '--max-price <price>': { help: 'highest price, such as "30 sat/Tfuel"', required: true },
    '--out <dir>': { help: 'write what it leaves under /out to', required: true }
  },
  calls: ['bid.compute']
}

/** Publishes a resting bid for a job, which the running node fills by itself. Standard input is not part of the job. */
export const run: Action = async ({ access, market, dryRun, output, context }, positional, options) => {
  const price = parseFuelPrice(text(options, 'maxPrice')!)
  const params = {
    ...(await jobParams(positional, options, null)),
    ...buyParams(market, options),
    maxPrice: price.toString(),
    dryRun
  }
  const result = await withRunning(access, node => node.call('bid.compute', params, context))
  const most = `up to ${formatAmount(BigInt(params.maxMsat))} at up to ${formatFuelPrice(price)}`
  output.print(result, () => placed(`bid for a job, ${most}`, result))
}
