import { BushelError } from '../../contracts/errors/error.js'
import { Home } from '../identity/home.js'
import type { CallContext, Params, Result } from '../node/api/api.js'
import { running } from './access.js'
import type { HomeAccess } from './access.js'

type LocalMethod = 'run.local' | 'run.map.local'

/** Runs one or several jobs on this machine; needs neither home nor node. */
export async function runLocally<M extends LocalMethod>(
  method: M,
  params: Params<M>,
  context: CallContext
): Promise<Result<M>> {
  const { LOCAL_CALLS } = await import('../node/api/compute/local-run.js')
  const calls: {
    [L in LocalMethod]: { alone: (params: Params<L>, context: CallContext) => Promise<Result<L>> }
  } = LOCAL_CALLS
  return await calls[method].alone(params, context)
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
