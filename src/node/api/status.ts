import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey } from '../../../contracts/keys/key.js'
import { RESOURCE, SIDE, askOf } from '../../../contracts/order.js'
import { formatTime } from '../../../contracts/money/quantity.js'
import type { Order } from '#spec'
import { RunRecords } from '../../compute/buyer/run/run-records.js'
import { JOB } from '../../compute/job/job-state.js'
import { Leases } from '../../storage/lease/leases.js'
import { formatAmount } from '../../../contracts/money/money.js'
import type { Wallet } from '../../lightning/wallet.js'
import type { Store } from '../../store/store.js'
import type { StatusResult } from './api.js'
import type { ComputeStatus } from './compute-api.js'
import { networkOf } from '../backend.js'
import type { NodeContext } from '../context.js'

/** Counts from the disk alone. */
export function countsOf(store: Store): Pick<StatusResult, 'leases'> & { reservedBytes: number } {
  const leases = new Leases(store)
  const provider = leases.sums('provider')
  return {
    leases: { buyer: leases.sums('buyer').live, provider: provider.live },
    reservedBytes: provider.bytes
  }
}

export async function statusOf(node: NodeContext): Promise<StatusResult> {
  const { leases, reservedBytes } = countsOf(node.store)
  const trade = node.serving ? await node.trade() : null
  const notes: string[] = []
  for (const market of node.books.markets) {
    const { state, behind } = market.clock
    const name = market.name || formatKey(market.key)
    if (state === 'stale')
      notes.push(`market ${name}: its founder has published no tick for ${formatTime(behind)}`)
    if (state === 'ahead')
      notes.push(`market ${name}: its ticks are ${formatTime(-behind)} ahead of this machine's clock`)
  }
  if (trade) {
    notes.push(...trade.alarms, ...trade.mended.slice(-5).map(line => `the ledger was corrected: ${line}`))
    notes.push(...(await inboundNote(trade.wallet)))
  }
  const asks = trade ? [...trade.orders.list()] : []
  return {
    identity: formatKey(node.home.identity),
    device: node.device,
    pid: process.pid,
    network: networkOf(node.home.wallet),
    wallet: trade ? await trade.wallet.condition() : null,
    market: marketInUse(node),
    peers: node.network.streams.length,
    shelf: {
      usedBytes: trade?.storage.shelf ? (await trade.storage.shelf.usage()).usedBytes : 0,
      reservedBytes,
      spaceBytes: asks.reduce((sum, { order }) => sum + spaceOf(order), 0),
      egressBytes: trade?.storage.shelf
        ? trade.storage.shelf.leases.reduce(
            (sum, { id }) => sum + trade.storage.shelf!.egress(id).usedBytes,
            0
          )
        : 0
    },
    leases,
    compute: computeOf(trade, [...new RunRecords(node.store).open()].length),
    notes
  }
}

function computeOf(trade: Awaited<ReturnType<NodeContext['trade']>> | null, bought: number): ComputeStatus {
  const jobs = trade?.compute.worker?.jobs ?? []
  return {
    running: jobs.filter(({ work }) => work && work !== 'QUEUED').length,
    queued: jobs.filter(({ job, work }) => job.state === JOB.QUEUED && (work ?? 'QUEUED') === 'QUEUED')
      .length,
    paused: trade?.compute.worker?.settings.paused === true,
    bought
  }
}

/** A note on how much a seller can receive in real sats. */
async function inboundNote(wallet: Wallet): Promise<string[]> {
  if (!wallet.real) return []
  try {
    const { receivableMsat } = await wallet.balance()
    return [`can receive ${formatAmount(receivableMsat)} over the channels that are open now`]
  } catch (error) {
    if (!(error instanceof BushelError)) throw error
    return [`the wallet cannot be reached: ${error.message}`]
  }
}

function spaceOf(order: Order): number {
  return order.side === SIDE.ask && order.resource === RESOURCE.storage ? askOf(order).space : 0
}

function marketInUse({ home, books }: NodeContext): string | null {
  const used = home.market ?? (books.markets.length === 1 ? books.markets[0]!.key : null)
  return used && formatKey(used)
}
