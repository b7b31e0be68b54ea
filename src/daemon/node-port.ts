import type { BushelError } from '../../contracts/errors/error.js'
import type { Home } from '../identity/home.js'
import type { NodeCaller, OfflineMethod, Params, Result } from '../node/api/api.js'
import type { Reachability } from '../network/reach/reachability.js'
import type { Logger } from '../base/logger.js'

export interface Address {
  host: string
  port: number
}

export interface DaemonNodeOptions {
  home: Home
  /** Null: the public DHT. All loopback: bound to 127.0.0.1 and not firewalled. */
  bootstrap: Address[] | null
  /** The address of this machine to bind, and the UDP port; by default all of them, and any one. */
  host?: string | undefined
  port?: number | undefined
  /** False: it does not forward, whatever the home says. */
  forwards?: boolean | undefined
  /** True for `up`: provider and resting orders are served too, not only the call at hand. */
  serve: boolean
  /** The log of events, and of failures that no caller waits for. */
  log: Logger
}

export interface RunningNode extends NodeCaller {
  /** Public key in z32. */
  readonly device: string
  /** What the network looks like from it. */
  readonly reachability: Reachability
  /** Called when the node cannot go on, and has to be opened anew. */
  on(event: 'failed', listener: (error: BushelError) => void): unknown
  close(): Promise<void>
}

export type OpenNode = (options: DaemonNodeOptions) => Promise<RunningNode>

/** Answers a call from a home's disk, without a node. */
export type ReadOffline = <M extends OfflineMethod>(home: Home, method: M) => Promise<Result<M>>

/** The whole stack is loaded only when a node is opened. */
export const openProductNode: OpenNode = async options => {
  const { openNode } = await import('../node/node.js')
  return await openNode(options)
}

export async function readProductOffline<M extends OfflineMethod>(home: Home, method: M): Promise<Result<M>> {
  const { answerOffline } = await import('../node/api/calls.js')
  return await answerOffline(home, method)
}

/** Leaves a market of a home on which no node runs; null for a name that its disk does not know. */
export async function leaveProductOffline(
  home: Home,
  { market, dryRun }: Params<'market.leave'>
): Promise<Result<'market.leave'> | null> {
  const { leaveMarketOffline } = await import('../node/api/leaving.js')
  const left = await leaveMarketOffline(home, market, dryRun)
  return left && { ...left, ...(dryRun ? { dryRun } : {}) }
}
