import { join } from 'node:path'
import * as v from 'valibot'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey } from '../../../contracts/keys/key.js'
import { RESOURCE, SIDE, askOf } from '../../../contracts/order.js'
import { formatTime } from '../../../contracts/money/quantity.js'
import type { Order } from '#spec'
import { Leases, idOf } from '../../storage/lease/leases.js'
import { billedBytes, formatAmount } from '../../../contracts/money/money.js'
import type { Wallet } from '../../lightning/wallet.js'
import { RunRecords } from '../../compute/buyer/run/run-records.js'
import { readLending } from '../../compute/provider/settings.js'
import { occupiedBytes } from '../../files/disk.js'
import { Facts } from '../../store/facts.js'
import { networkOf } from '../backend.js'
import type { NodeContext } from '../context.js'
import { reading } from './definition/call.js'
import type { OfflineHome } from './definition/call.js'
import { bytes, fields, flag, key, listed, oneOf, orNull, said, whole } from './definition/schema.js'
import type { Values } from './definition/schema.js'

const count = (about: string) => whole(0, Number.MAX_SAFE_INTEGER, about)
const about = <S extends v.GenericSchema>(schema: S, text: string) => v.pipe(schema, v.description(text))

const compute = fields({
  running: count('jobs of others that run here'),
  queued: count('jobs of others that wait here'),
  paused: flag('true: jobs of others are paused'),
  bought: count('own jobs elsewhere that are not over')
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
  shelf: about(
    fields({
      usedBytes: bytes('on disk'),
      reservedBytes: bytes('let'),
      spaceBytes: bytes('offered'),
      egressBytes: bytes('sent to readers')
    }),
    "other people's data here"
  ),
  leases: about(fields({ buyer: count('bought'), provider: count('sold') }), 'leases that are not over'),
  compute: about(compute, 'jobs'),
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

type StatusResult = Values<typeof RESULT>
export type ComputeStatus = v.InferOutput<typeof compute>

const LIVE = new Set(['BOUND', 'COUNTERSIGNED', 'ACTIVE', 'STORED', 'GRACE'])

/** Counts from the disk alone. */
function countsOf(facts: Facts): Pick<StatusResult, 'leases'> & { reservedBytes: number; kept: string[] } {
  const leases = new Leases(facts)
  const buyer = [...leases.list('buyer')].filter(({ lease }) => LIVE.has(lease.state)).length
  const kept = [...leases.list('provider')].filter(({ lease }) => LIVE.has(lease.state))
  const reserved = kept.reduce((sum, { lease }) => sum + billedBytes(lease.terms.cores), 0n)
  return {
    leases: { buyer, provider: kept.length },
    reservedBytes: Number(reserved),
    kept: kept.map(({ lease }) => idOf(lease))
  }
}

async function statusOf(node: NodeContext): Promise<StatusResult> {
  const { leases, reservedBytes, kept } = countsOf(node.facts)
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
        ? kept.reduce(
            (sum, id) => sum + (trade.storage.shelf!.has(id) ? trade.storage.shelf!.egress(id).usedBytes : 0),
            0
          )
        : 0
    },
    leases,
    compute: computeOf(trade),
    notes
  }
}

function computeOf(trade: Awaited<ReturnType<NodeContext['trade']>> | null): ComputeStatus {
  const states = (trade?.compute.worker?.jobs ?? []).map(({ state }) => state)
  return {
    running: states.filter(state => AT_WORK.has(state)).length,
    queued: states.filter(state => state === 'QUEUED').length,
    paused: trade?.compute.worker?.settings.paused === true,
    bought: (trade?.compute.runs.list() ?? []).filter(({ state }) => state === 'open').length
  }
}

const AT_WORK = new Set(['FETCHING', 'RUNNING', 'WAITING', 'PAUSED'])

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

async function readStatus(home: OfflineHome): Promise<StatusResult> {
  const facts = await Facts.read(join(home.dir, 'journal', 'facts'))
  const { leases, reservedBytes } = countsOf(facts)
  const usedBytes = await occupiedBytes(join(home.dir, 'shelf'))
  return {
    identity: formatKey(home.identity),
    device: formatKey(home.device.publicKey),
    pid: null,
    network: networkOf(home.wallet),
    wallet: null,
    market: home.market && formatKey(home.market),
    peers: 0,
    shelf: { usedBytes, reservedBytes, spaceBytes: 0, egressBytes: 0 },
    leases,
    compute: { running: 0, queued: 0, paused: readLending(facts).paused === true, bought: boughtOf(facts) },
    notes: ['no node is running on this home (bushel up)']
  }
}

function boughtOf(facts: Facts): number {
  return new RunRecords(facts).list().filter(({ state }) => state === 'open').length
}
