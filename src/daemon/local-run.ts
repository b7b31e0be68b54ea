import { BushelError } from '../../contracts/errors/error.js'
import { Home } from '../identity/home.js'
import type { BookResult, CallContext } from '../node/api/api.js'
import type { LocalResult, MapLocal, MapResult, RunLocal } from '../node/api/compute-api.js'
import { running } from './access.js'
import type { HomeAccess } from './access.js'

/** Runs a job on this machine; needs neither home nor node. */
export async function runLocally(params: RunLocal, context: CallContext): Promise<LocalResult> {
  const local = await import('../node/api/compute/local-run.js')
  return await local.runLocally(params, context)
}

export async function mapLocally(params: MapLocal, context: CallContext): Promise<MapResult> {
  const local = await import('../node/api/compute/local-run.js')
  return await local.mapLocally(params, context)
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
    const book = await node.call('book', { ...params, resource: 'compute' }, context)
    return (book as BookResult<{ baseMsat: string }>).asks[0] ?? null
  } catch (error) {
    // a home without a market has no book: the run itself does not need one
    if (error instanceof BushelError && error.code === 'MARKET_NOT_FOUND') return null
    throw error
  } finally {
    await node.close()
  }
}
