import type * as v from 'valibot'
import { BushelError } from '../../../contracts/errors/error.js'
import type { NodeContext } from '../context.js'
import type { CallContext, OfflineHome } from './definition/call.js'
import { checked } from './definition/door.js'
import { BOOK_CALLS } from './book.js'
import { BID_COMPUTE_CALLS } from './compute/bids.js'
import { JOB_CALLS } from './compute/jobs.js'
import { LOCAL_CALLS } from './compute/local-run.js'
import { RUN_CALLS } from './compute/run.js'
import { SELL_COMPUTE_CALLS } from './compute/sell.js'
import { LEASE_CALLS } from './storage/leases.js'
import { MARKET_CALLS } from './markets.js'
import { KEPT_MIRROR_CALLS } from './storage/kept-mirrors.js'
import { LASTING_MIRROR_CALLS } from './storage/lasting-mirrors.js'
import { MOVING_MIRROR_CALLS } from './storage/moving-mirrors.js'
import { MIRROR_CALLS } from './storage/mirrors.js'
import { ORDER_CALLS } from './orders.js'
import { SPENDING_CALLS } from './spending.js'
import { STATUS_CALLS } from './status.js'
import { WALLET_CALLS } from './wallet.js'

/** Every call, by its name: its declaration and the code that answers it. */
export const CALLS = {
  ...STATUS_CALLS,
  ...MARKET_CALLS,
  ...BOOK_CALLS,
  ...ORDER_CALLS,
  ...MIRROR_CALLS,
  ...KEPT_MIRROR_CALLS,
  ...LASTING_MIRROR_CALLS,
  ...MOVING_MIRROR_CALLS,
  ...LEASE_CALLS,
  ...SELL_COMPUTE_CALLS,
  ...BID_COMPUTE_CALLS,
  ...RUN_CALLS,
  ...LOCAL_CALLS,
  ...JOB_CALLS,
  ...WALLET_CALLS,
  ...SPENDING_CALLS
}

type Calls = typeof CALLS
export type Method = keyof Calls
export type Params<M extends Method> = Parameters<Calls[M]['run']>[1]
export type Result<M extends Method> = Awaited<ReturnType<Calls[M]['run']>>
/** A call that is also answered from the disk of a home. */
export type OfflineMethod = {
  [M in Method]: Calls[M] extends { offline: unknown } ? M : never
}[Method]

/** A node in this process, or another's behind its control socket. Rejects with BushelError. */
export interface NodeCaller {
  call<M extends Method>(method: M, params: Params<M>, context: CallContext): Promise<Result<M>>
}

/**
 * The parameters of a call that came through a door, checked. Throws UNKNOWN_METHOD, and BAD_INPUT, which names the field.
 */
export function checkedParams<M extends Method>(method: M, params: unknown): Params<M> {
  if (!Object.hasOwn(CALLS, method)) {
    const shown = String(method)
      .replace(/[^\x20-\x7e]/g, '?')
      .slice(0, 40)
    throw new BushelError('UNKNOWN_METHOD', `the node has no method '${shown}'`, 'list them with: bushel api')
  }
  return checked(method, CALLS[method].params as v.GenericSchema, params) as Params<M>
}

type AnyRun = (node: NodeContext, params: unknown, context: CallContext) => Promise<unknown>

/** Checks a call and answers it. */
export async function answer<M extends Method>(
  node: NodeContext,
  method: M,
  params: Params<M>,
  context: CallContext
): Promise<Result<M>> {
  const given = checkedParams(method, params)
  return (await (CALLS[method].run as AnyRun)(node, given, context)) as Result<M>
}

/** Answers a call from a home's disk, without a node; such a call has no parameters. */
export async function answerOffline<M extends OfflineMethod>(
  home: OfflineHome,
  method: M
): Promise<Result<M>> {
  return (await (CALLS[method].offline as (home: OfflineHome) => Promise<unknown>)(home)) as Result<M>
}
