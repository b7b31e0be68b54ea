import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey } from '../../../contracts/keys/key.js'
import { formatTime } from '../../../contracts/money/quantity.js'
import { formatAmount } from '../../../contracts/money/money.js'
import type { Wallet } from '../../lightning/wallet.js'
import type { StatusResult } from './api.js'
import { networkOf } from '../backend.js'
import type { NodeContext } from '../context.js'
import type { ResourceStatus, StatusSource, TradeResource } from '../trade/parts.js'

/** What each resource says of itself, by its id. */
export async function resourceStatuses(
  resources: readonly TradeResource[],
  source: StatusSource
): Promise<Record<string, ResourceStatus>> {
  const statuses: Record<string, ResourceStatus> = {}
  for (const { resource, status } of resources) statuses[resource.id] = await status(source)
  return statuses
}

export async function statusOf(node: NodeContext): Promise<StatusResult> {
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
  return {
    identity: formatKey(node.home.identity),
    device: node.device,
    pid: process.pid,
    network: networkOf(node.home.wallet),
    wallet: trade ? await trade.wallet.condition() : null,
    market: marketInUse(node),
    peers: node.network.streams.length,
    resources: await resourceStatuses(node.resources, {
      facts: node.facts,
      dir: node.home.dir,
      parts: trade?.parts ?? null
    }),
    notes
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

function marketInUse({ home, books }: NodeContext): string | null {
  const used = home.market ?? (books.markets.length === 1 ? books.markets[0]!.key : null)
  return used && formatKey(used)
}
