import type { RunRequest } from '../../../compute/buyer/jobs.js'
import type { BuyParams } from './job-fields.js'
import { demandOffer } from '../prices.js'
import type { ReadJob } from './job-input.js'

/** What is asked of providers. */
export function requestFor(market: Buffer, params: BuyParams, job: ReadJob): RunRequest {
  demandOffer(params)
  const { name, module, stdin, files, args, seed, limits } = job
  return {
    market,
    name,
    module,
    input: { stdin, files },
    args,
    seed,
    limits,
    verify: params.verify,
    maxMsat: BigInt(params.maxMsat),
    offer: params.offer === undefined ? null : BigInt(params.offer),
    maxPrice: params.maxPrice === undefined ? null : BigInt(params.maxPrice),
    isolation: 'any'
  }
}
