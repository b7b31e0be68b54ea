import { formatFuelPrice, parseFuelPrice } from '../../../../contracts/job.js'
import { formatAmount } from '../../../../contracts/money/money.js'
import { JOB_OPTIONS, buyParams, jobParams } from '../../input/job-arguments.js'
import { BID_OFFER } from '../../input/shared-options.js'
import { text } from '../../invocation.js'
import { oneCall, onRunning } from '../../one-call.js'
import { placed } from '../../output/order-text.js'

/** Publishes a resting bid for a job, which the running node fills by itself. Standard input is not part of the job. */
export const { syntax, run } = oneCall({
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
  call: onRunning('bid.compute'),
  params: async ({ market, dryRun }, positional, options) => {
    const maxPrice = parseFuelPrice(text(options, 'maxPrice')!).toString()
    const job = await jobParams(positional, options, null)
    return { ...job, ...buyParams(market, options), maxPrice, dryRun }
  },
  text: (order, { maxMsat, maxPrice }) => {
    const most = `up to ${formatAmount(BigInt(maxMsat))} at up to ${formatFuelPrice(BigInt(maxPrice))}`
    return placed(`bid for a job, ${most}`, order)
  }
})
