import { pause } from '../base/timeouts.js'
import { BushelError } from '../../contracts/errors/error.js'
import { parseKey } from '../../contracts/keys/key.js'
import { Home } from '../identity/home.js'
import type { CallContext, NodeCaller, OfflineMethod, Params, Result } from '../node/api/api.js'
import { controlPath, demandControlFolder } from './control-path.js'
import { leaveProductOffline, openProductNode, readProductOffline } from './node-port.js'
import type { Address, OpenNode, ReadOffline } from './node-port.js'
import { RemoteNode } from './remote-node.js'
import { openLog } from './log/open-log.js'
import type { PlainLine } from './log/open-log.js'

/** How long to wait for a starting node to listen, ms. */
const STARTING_MS = 30_000
/** How long to wait for one that is up, and whose socket was deleted: it makes another, ms. */
const SOCKET_MS = 6_000
const POLL_MS = 50

/** How a command reaches its node. */
export interface HomeAccess {
  /** Folder of the home. */
  home: string
  bootstrap: Address[] | null
  /** The command's name, shown to another command that finds the home in use. */
  command: string
  /** Hears what a node of our own says meanwhile. */
  onlog?: (line: PlainLine, kept: boolean) => void
  /** Stand-ins for tests. */
  openNode?: OpenNode
  readOffline?: ReadOffline
}

/** Uses the running node; throws NOT_RUNNING where there is none. */
export async function withRunning<T>(access: HomeAccess, use: (node: NodeCaller) => Promise<T>): Promise<T> {
  const remote = await running(await Home.open(access.home))
  if (remote) return await used(remote, use)
  throw new BushelError(
    'NOT_RUNNING',
    `\`bushel ${access.command}\` needs a running node, and none runs on this home; nothing was changed`,
    'start one with `bushel up`, then run this again'
  )
}

/** Uses the running node, or opens one for the duration of `use`. */
export async function withNode<T>(access: HomeAccess, use: (node: NodeCaller) => Promise<T>): Promise<T> {
  return await used(await reachNode(access), use)
}

/** A node to be closed by who reached it. */
export interface ReachedNode extends NodeCaller {
  close(): Promise<void>
}

/** The running node, or one of our own, which is closed with it. */
export async function reachNode(access: HomeAccess): Promise<ReachedNode> {
  const home = await Home.open(access.home)
  const remote = await running(home)
  if (remote) return remote
  const { bootstrap, command, onlog, openNode = openProductNode } = access
  const lock = await home.lock({ pid: process.pid, command, control: null })
  const { log, close } = openLog(home, onlog ? { onlog } : {})
  const end = (): void => {
    close()
    lock.release()
  }
  try {
    log.debug('opening a node for one command', { command })
    const node = await openNode({ home, bootstrap, serve: false, log })
    return {
      call: (method, params, context) => node.call(method, params, context),
      close: () => node.close().finally(end)
    }
  } catch (error) {
    end()
    throw error
  }
}

/** Asks the running node, or else the disk. */
export async function read<M extends OfflineMethod>(
  access: HomeAccess,
  method: M,
  context: CallContext
): Promise<Result<M>> {
  const home = await Home.open(access.home)
  const remote = await running(home)
  if (remote) return await used(remote, node => node.call(method, {}, context))
  const { command, readOffline = readProductOffline } = access
  if (method !== 'market.list') return await readOffline(home, method)
  // The books' store can be opened by one process only.
  return await locked(home, command, () => readOffline(home, method))
}

/** Works on a home that no other process may open meanwhile. */
async function locked<T>(home: Home, command: string, work: () => Promise<T>): Promise<T> {
  const lock = await home.lock({ pid: process.pid, command, control: null })
  try {
    return await work()
  } finally {
    lock.release()
  }
}

/** Sets the market in use, through the running node or on disk. */
export async function useMarket(
  access: HomeAccess,
  params: Params<'market.use'>,
  context: CallContext
): Promise<Result<'market.use'>> {
  const home = await Home.open(access.home)
  const remote = await running(home)
  if (remote) return await used(remote, node => node.call('market.use', params, context))
  const { key, name } = await listed(access, params.market, context)
  if (params.dryRun) return { key, name, dryRun: true }
  await home.useMarket(parseKey(key, 'market key'))
  return { key, name }
}

/** Leaves a market, through the running node or on disk, where the market is not opened. */
export async function leaveMarket(
  access: HomeAccess,
  params: Params<'market.leave'>,
  context: CallContext
): Promise<Result<'market.leave'>> {
  const home = await Home.open(access.home)
  const remote = await running(home)
  if (remote) return await used(remote, node => node.call('market.leave', params, context))
  const leave = (market: string): Promise<Result<'market.leave'> | null> =>
    locked(home, access.command, () => leaveProductOffline(home, { ...params, market }))
  const left = await leave(params.market)
  if (left) return left
  const { key, name } = await listed(access, params.market, context)
  return { ...(await leave(key))!, name }
}

/** The joined market of a name or key on disk; throws MARKET_NOT_FOUND or WHICH_MARKET. */
async function listed(
  access: HomeAccess,
  wanted: string,
  context: CallContext
): Promise<Result<'market.list'>['markets'][number]> {
  const { markets } = await read(access, 'market.list', context)
  const found = markets.filter(({ key, name }) => key === wanted || name === wanted)
  const [market] = found
  if (!market) {
    throw new BushelError(
      'MARKET_NOT_FOUND',
      `market '${wanted}' is not joined`,
      'see the joined markets with `bushel market list`; join one with `bushel market join KEY`'
    )
  }
  if (found.length > 1) {
    throw new BushelError(
      'WHICH_MARKET',
      `${found.length} markets are called '${wanted}'`,
      'give the key of the one you mean'
    )
  }
  return market
}

/** The node that runs on this home, if there is one; waits for one that is starting. Throws NODE_UNREACHABLE. */
export async function running(home: Home): Promise<RemoteNode | null> {
  for (const begun = performance.now(); ; await pause(POLL_MS)) {
    const holder = home.holder()
    if (!holder || (holder.pid !== 0 && !holder.control)) return null
    const path = holder.control ?? controlPath(home.dir)
    await demandControlFolder(path)
    const remote = await RemoteNode.connect(path)
    if (remote) return remote
    const { pid, isUp } = holder
    if (performance.now() - begun >= (isUp ? SOCKET_MS : STARTING_MS)) throw unreachable(pid, path)
  }
}

function unreachable(pid: number, path: string): BushelError {
  return new BushelError(
    'NODE_UNREACHABLE',
    `the node of this home runs (process ${pid}), and does not answer at ${path}; nothing was changed`,
    'try again; when it stays so, stop that process and run `bushel up` again'
  )
}

async function used<T>(node: ReachedNode, use: (node: NodeCaller) => Promise<T>): Promise<T> {
  try {
    return await use(node)
  } finally {
    await node.close()
  }
}
