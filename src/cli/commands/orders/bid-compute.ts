import { formatFuelPrice, parseFuelPrice } from '../../../../contracts/job.js'
import { formatAmount } from '../../../../contracts/money/money.js'
import { withRunning } from '../../../daemon/access.js'
import { text } from '../../invocation.js'
import type { Action } from '../../invocation.js'
import { buyParams, jobParams } from '../../input/job-arguments.js'
import { placed } from '../../output/order-text.js'

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
