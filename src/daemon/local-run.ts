import { BushelError } from '../../contracts/errors/error.js'
import { Home } from '../identity/home.js'
import type { CallContext, Params, Result } from '../node/api/api.js'
import { running } from './access.js'
import type { HomeAccess } from './access.js'

/** Runs a job on this machine; needs neither home nor node. */
export async function runLocally(
  params: Params<'run.local'>,
  context: CallContext
): Promise<Result<'run.local'>> {
  const { LOCAL_CALLS } = await import('../node/api/compute/local-run.js')
  return await LOCAL_CALLS['run.local'].alone(params, context)
}

export async function mapLocally(
  params: Params<'run.map.local'>,
  context: CallContext
): Promise<Result<'run.map.local'>> {
  const { LOCAL_CALLS } = await import('../node/api/compute/local-run.js')
  return await LOCAL_CALLS['run.map.local'].alone(params, context)
}

/** The cheapest ask on compute, where a node runs on this home and knows of one; else null. */
export async function bestAsk(
  access: HomeAccess,
  market: string | undefined,
  context: CallContext
): Promise<{ id: string; price: string; baseMsat: string } | null> {
  let node
  try {
    node = await running(await Home.open(access.home))
  } catch (error) {
    if (error instanceof BushelError && error.code === 'NO_HOME') return null
    throw error
  }
  if (!node) return null
  try {
    const params = { ...(market === undefined ? {} : { market }), limit: 1, waitMs: 0 }
    const { asks } = await node.call('book', { ...params, resource: 'compute' }, context)
    const [best] = asks
    return best ? { id: best.id, price: best.price, baseMsat: String(best.baseMsat) } : null
  } catch (error) {
    // a home without a market has no book: the run itself does not need one
    if (error instanceof BushelError && error.code === 'MARKET_NOT_FOUND') return null
    throw error
  } finally {
    await node.close()
  }
}
