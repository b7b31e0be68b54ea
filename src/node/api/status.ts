import { join } from 'node:path'
import * as v from 'valibot'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey } from '../../../contracts/keys/key.js'
import { formatTime } from '../../../contracts/money/quantity.js'
import { formatAmount } from '../../../contracts/money/money.js'
import { brokenNote } from '../../book/faults/fault.js'
import { marketsOnDisk } from '../../book/known-markets.js'
import { forkNote } from '../../book/market.js'
import { BOUNDS } from '../../base/bounds/bounds.js'
import type { Used } from '../../base/bounds/bounds.js'
import { REACHES, reachText, reachWarning } from '../../network/reach/reachability.js'
import type { Wallet } from '../../lightning/wallet.js'
import { Ledger } from '../../payment/ledger.js'
import { readingStore } from '../home-store.js'
import { ledgerOf, networkOf } from '../backend.js'
import type { NodeContext } from '../context.js'
import type { ResourceStatus, StatusSource, TradeParts, TradeResource } from '../trade/parts.js'
import { RESOURCES } from '../trade/resources.js'
import { reading } from './definition/call.js'
import type { OfflineHome } from './definition/call.js'
import { count, fields, flag, key, listed, oneOf, orNull, said, whole } from './definition/schema.js'
import type { Values } from './definition/schema.js'
import { clockNote, trustedTime } from '../../base/time/trusted-time.js'

const about = <S extends v.GenericSchema>(schema: S, text: string) => v.pipe(schema, v.description(text))

const resource = fields({
  facts: about(v.record(v.string(), v.union([v.string(), v.number(), v.boolean()])), 'its numbers, by name'),
  lines: listed(fields({ label: said('a label'), text: said('for people') }), 'lines for people')
})

const RESULT = {
  identity: key('its identity'),
  device: key('its device'),
  pid: orNull(v.number(), 'process id of the running node; null: none runs'),
  network: said('Lightning network of its wallet'),
  wallet: orNull(
    fields({
      state: oneOf(['working', 'starting', 'down'], 'its condition'),
      reason: said('why, for people; may be empty')
    }),
    'the wallet; null: it is not open'
  ),
  market: orNull(key('a market'), 'key of the market in use; null: none'),
  peers: count('connections'),
  reachability: orNull(
    fields({
      reach: oneOf(REACHES, 'what the network looks like from here'),
      text: said('the same, for people'),
      host: orNull(said('an address'), 'where others see this node; null: nobody has said'),
      port: orNull(whole(1, 65_535, 'a port'), 'its port there; null: another one for each'),
      forwarders: count('relays that forward for this node where there is no way through'),
      forwarded: count('connections to them now'),
      forwards: flag('whether it forwards for others that cannot reach each other'),
      forwardsFor: count('pairs of others for which this node forwards now'),
      forwardedBytes: count('bytes that it has forwarded since it started')
    }),
    'whether others can reach this node; null: none runs'
  ),
  resources: about(v.record(v.string(), resource), 'each resource, by its id'),
  strangers: listed(
    fields({
      bound: said('its name'),
      text: said('what it bounds'),
      unit: said('what is counted, such as bytes'),
      used: count('how much is used now'),
      most: count('the bound for all strangers together')
    }),
    'what strangers make this node hold now; empty: no node runs'
  ),
  notes: listed(said('a line'), 'what the owner should know')
}

export const STATUS_CALLS = {
  status: reading(
    {
      summary: 'tells who this node is and how it stands',
      result: RESULT
    },
    { run: statusOf, offline: readStatus }
  )
}

export type StatusResult = Values<typeof RESULT>
/** What each resource says of itself, by its id. */
async function resourceStatuses(
  resources: readonly TradeResource[],
  source: StatusSource
): Promise<Record<string, ResourceStatus>> {
  const statuses: Record<string, ResourceStatus> = {}
  for (const { resource, status } of resources) statuses[resource.id] = await status(source)
  return statuses
}

async function statusOf(node: NodeContext): Promise<StatusResult> {
  const trade = node.serving ? await node.trade() : null
  const notes = node.books.broken.map(brokenNote)
  const unreached = node.serving ? reachWarning(node.network.reachability) : null
  if (unreached !== null) notes.push(unreached)
  if (trustedTime.jump !== 0) notes.push(clockNote(trustedTime.jump))
  for (const market of node.books.markets) {
    const { state, behind } = market.clock
    const name = market.name || formatKey(market.key)
    if (market.isForked) notes.push(forkNote(name))
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
    market: marketInUse(node.home.market, node.books.markets),
    peers: node.network.streams.length,
    reachability: reachabilityOf(node.network),
    resources: await resourceStatuses(node.resources, {
      store: node.store,
      ledger: trade?.ledger ?? new Ledger(node.store, ledgerOf(node.home.wallet)),
      dir: node.home.dir,
      parts: trade?.parts ?? null
    }),
    strangers: await heldBy(node, trade?.parts ?? null),
    notes
  }
}

function reachabilityOf(network: NodeContext['network']): StatusResult['reachability'] {
  const { reachability, forwarded, forwarding } = network
  const { pairs: forwardsFor, bytes: forwardedBytes } = forwarding ?? { pairs: 0, bytes: 0 }
  const others = { forwards: forwarding !== null, forwardsFor, forwardedBytes }
  return { ...reachability, text: reachText(reachability), forwarded, ...others }
}

/** What strangers make a node hold, of each bound for all of them together. */
async function heldBy(node: NodeContext, parts: TradeParts | null): Promise<StatusResult['strangers']> {
  const sightings = node.books.markets.reduce((sum, { remembered }) => sum + remembered, 0)
  const used: Used = {
    ...node.network.used,
    ...parts?.deals.used,
    ...(await parts?.wallet.used?.()),
    sightings
  }
  if (parts) for (const resource of node.resources) Object.assign(used, resource.used?.(parts))
  return Object.entries(BOUNDS).flatMap(([bound, { text, unit, all }]) => {
    const now = used[bound as keyof Used]
    return all === null || now === undefined ? [] : [{ bound, text, unit, used: now, most: all }]
  })
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

/** The market that was chosen, or the only one. */
function marketInUse(chosen: Buffer | null, markets: readonly { key: Buffer }[]): string | null {
  const used = chosen ?? (markets.length === 1 ? markets[0]!.key : null)
  return used && formatKey(used)
}

async function readStatus(home: OfflineHome): Promise<StatusResult> {
  const known = await marketsOnDisk(join(home.dir, 'book'))
  return {
    identity: formatKey(home.identity),
    device: formatKey(home.device.publicKey),
    pid: null,
    network: networkOf(home.wallet),
    wallet: null,
    market: marketInUse(
      home.market,
      known.markets.filter(({ broken }) => !broken)
    ),
    peers: 0,
    reachability: null,
    resources: await readingStore(home.dir, store =>
      resourceStatuses(RESOURCES, {
        ...{ store, dir: home.dir, parts: null },
        ledger: new Ledger(store, ledgerOf(home.wallet))
      })
    ),
    strangers: [],
    notes: ['no node is running on this home (bushel up)', ...known.broken.map(brokenNote)]
  }
}
