import { resolve } from 'node:path'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey, parseKey, shortKey } from '../../../contracts/keys/key.js'
import { parseLink } from '../../../contracts/keys/link.js'
import { RESOURCE, SIDE } from '../../../contracts/order.js'
import { DAY } from '../../../contracts/money/quantity.js'
import { encode } from '../../../contracts/schema/codec.js'
import { Copy } from '../../storage/buyer/buyer-lease.js'
import type { MirrorListener, MirrorRequest } from '../../storage/buyer/mirrors.js'
import type { CallContext, Method, Mirror, MirrorResult, Params, Progress, Result } from './api.js'
import { readBook, readComputeBook } from './book.js'
import { bidCompute } from './compute/bids.js'
import {
  cancelJob,
  estimateRun,
  listJobs,
  pauseSelling,
  runJob,
  runMap,
  sellCompute
} from './compute/compute.js'
import { createMarket, joinMarket, marketEntries, marketOf } from './markets.js'
import {
  checkLog,
  demandInbound,
  walletHistory,
  walletInvoice,
  walletLimits,
  walletPay,
  walletResult
} from './wallet.js'
import { needsUp } from '../needs-up.js'
import type { Parts } from '../context.js'
import type { StorageTrade } from '../trade/storage-trade.js'
import type { Trade } from '../trade/trade.js'
import { leaseEntries } from './leases.js'
import { restoreLink } from './restore.js'
import { statusOf } from './status.js'

type Calls = { [M in Method]: (parts: Parts, params: Params<M>, context: CallContext) => Promise<Result<M>> }

const BOOK_WAIT = 10_000
const ASK_LIFETIME = 365 * DAY
const DEFAULT_PREPAY = 20_000_000n
/** How long the end of a lease waits for what is paid back, ms; what comes later is taken by a node that is up. */
const REFUND_WAIT = 15_000

/** Each call of the API, on the parts of a node. */
export const CALLS: Calls = {
  'market.create': (parts, params) => createMarket(parts, params).then(market => dry(params, market)),
  'market.join': (parts, params) =>
    joinMarket(parts, params.key, params.dryRun).then(market => dry(params, market)),
  'market.use': async (parts, params) => {
    const market = marketOf(parts, params.market)
    if (!params.dryRun) await parts.home.useMarket(market.key)
    return dry(params, { key: formatKey(market.key), name: market.name })
  },
  'market.list': async parts => ({ markets: marketEntries(parts.books, parts.home.market) }),
  'market.admit': async (parts, params) => {
    const market = marketOf(parts, params.market)
    const device = parseKey(params.device, 'device key')
    if (!params.dryRun) await market.admit(device)
    return dry(params, { device: formatKey(device), market: formatKey(market.key) })
  },

  'sell.storage': async (parts, params) => {
    const market = marketOf(parts, params.market)
    const { orders, shelf } = await serving(parts)
    const { space, minTime, maxTime, region } = params
    if (!(await shelf.canReserve(space))) {
      throw BushelError.badInput('the disk has less room than that', 'offer less --space', 'NO_SPACE')
    }
    await demandInbound(parts, 2n * FIRST_SLICE)
    await market.inStep({ timeoutMs: BOOK_WAIT })
    const order = {
      market: market.key,
      side: SIDE.ask,
      resource: RESOURCE.storage,
      price: BigInt(params.price),
      body: encode('storage-ask', { space, minTime, maxTime, minChargeMsat: MIN_CHARGE, region }),
      lifetime: params.lifetime ?? ASK_LIFETIME
    }
    const placed = params.dryRun ? orders.draft(order) : await orders.publish(order)
    const expires = placed.order.created + order.lifetime
    return dry(params, { id: formatKey(placed.id), market: formatKey(market.key), expires })
  },

  'bid.storage': async (parts, params, context) => {
    const market = marketOf(parts, params.market)
    const { bids, mirrors } = await serving(parts)
    await market.inStep({ timeoutMs: BOOK_WAIT })
    const request = requestOf(parts, market.key, params)
    if (params.dryRun) {
      await mirrors.checkBid(request)
      return { id: '', market: formatKey(market.key), expires: Date.now(), dryRun: true }
    }
    const { id, order } = await bids.place(request, listener(context), context.signal)
    return { id: formatKey(id), market: formatKey(market.key), expires: order.expires }
  },

  withdraw: async (parts, params) => {
    const { orders, bids } = await serving(parts)
    const id = parseKey(params.id, 'order id')
    if (!orders.get(id)) {
      throw BushelError.notFound(
        `no order ${shortKey(id)}... of this node stands`,
        'see: bushel book',
        'ORDER_NOT_FOUND'
      )
    }
    if (!params.dryRun) {
      await orders.withdraw(id)
      await bids.withdrawn(id)
    }
    return dry(params, { id: formatKey(id) })
  },

  book: readBook,
  'book.compute': readComputeBook,

  'sell.compute': sellCompute,
  'sell.pause': pauseSelling,
  'bid.compute': bidCompute,
  run: runJob,
  'run.map': runMap,
  'run.estimate': estimateRun,
  jobs: listJobs,
  'job.cancel': cancelJob,

  mirror: async (parts, params, context) => {
    const market = marketOf(parts, params.market)
    await market.inStep({ timeoutMs: BOOK_WAIT })
    const { mirrors } = (await parts.trade()).storage
    const request = requestOf(parts, market.key, params)
    const outcome = params.dryRun
      ? await mirrors.estimate(request)
      : await mirrors.run(request, listener(context), context.signal)
    const result: MirrorResult = {
      link: outcome.link,
      files: outcome.files,
      bytes: outcome.bytes,
      storedBytes: outcome.storedBytes,
      copies: outcome.leases.length,
      leases: params.dryRun ? [] : outcome.leases,
      paidMsat: outcome.paidMsat.toString(),
      feesMsat: outcome.feesMsat.toString(),
      atRiskMsat: outcome.atRiskMsat.toString(),
      seconds: outcome.seconds
    }
    return dry(params, result)
  },

  restore: async (parts, params, context) => {
    parseLink(params.link)
    const dest = resolve(params.dest)
    if (params.dryRun) return { path: dest, files: 0, bytes: 0, sha256: '', seconds: 0, dryRun: true }
    return restoreLink(parts, { ...params, dest }, context)
  },

  leases: async parts => {
    const { ledger } = await parts.trade()
    return { leases: leaseEntries(parts.facts, ledger) }
  },

  'leases.end': async (parts, params) => {
    const id = parseKey(params.id, 'lease id')
    const trade = await parts.trade()
    const mine = trade.storage.leases.get('buyer', id)
    const kept = trade.storage.leases.get('provider', id)
    if (!mine && !kept)
      throw BushelError.notFound(`no lease ${shortKey(id)}...`, 'see: bushel leases', 'LEASE_NOT_FOUND')
    if (params.dryRun) return { id: formatKey(id), state: (mine ?? kept)!.state, dryRun: true }
    if (mine) {
      if (mine.state !== 'ENDED' && mine.state !== 'VOID')
        await new Copy(trade.storage.context, id).end('the owner ended it')
      await trade.storage.refunds.settle(id, REFUND_WAIT)
    } else if (trade.storage.keeper) await trade.storage.keeper.end(id, 'ended by the provider')
    else throw needsUp()
    return { id: formatKey(id), state: 'ENDED' }
  },

  wallet: async parts => walletResult(parts.home.wallet, await (await parts.trade()).wallet.balance()),
  'wallet.history': walletHistory,
  'wallet.invoice': walletInvoice,
  'wallet.pay': walletPay,
  'wallet.limits': walletLimits,
  'log.check': checkLog,

  status: async parts => statusOf(parts)
}

const FIRST_SLICE = 40_000n
/** An ask with a tiny piece of data still costs a sat. */
const MIN_CHARGE = 1000n

function dry<T extends object>(params: { dryRun?: boolean }, result: T): T & { dryRun?: boolean } {
  return params.dryRun ? { ...result, dryRun: true } : result
}

/** The parts that only `bushel up` has. */
async function serving(parts: Parts): Promise<Required<Serving>> {
  if (!parts.serving) throw needsUp()
  const { orders, storage } = await parts.trade()
  const { bids, mirrors, shelf } = storage
  if (!bids || !shelf) throw needsUp()
  return { orders, bids, mirrors, shelf }
}

interface Serving {
  orders: Trade['orders']
  bids: NonNullable<StorageTrade['bids']>
  mirrors: StorageTrade['mirrors']
  shelf: NonNullable<StorageTrade['shelf']>
}

function requestOf(_parts: Parts, market: Buffer, params: Mirror): MirrorRequest {
  return {
    market,
    path: resolve(params.path),
    copies: params.copies,
    time: params.time,
    maxPrice: params.maxPrice === undefined ? null : BigInt(params.maxPrice),
    prepayMaxMsat: params.prepayMaxMsat === undefined ? DEFAULT_PREPAY : BigInt(params.prepayMaxMsat)
  }
}

/** Tells the caller how long work goes on: the copies' uploads as one sum. */
function listener({ onProgress }: CallContext): MirrorListener {
  const uploads = new Map<string, number>()
  const progress = (event: Progress): void => onProgress(event)
  return {
    note: message => progress({ event: 'note', message }),
    packed: (done, total) => progress({ event: 'progress', step: 'pack', done, total, unit: 'bytes' }),
    uploaded: (copy, bytes) => {
      uploads.set(copy.name, bytes)
      const done = [...uploads.values()].reduce((sum, one) => sum + one, 0)
      const each = copy.lease.terms.cores.reduce((sum, core) => sum + core.byteLength, 0)
      progress({ event: 'progress', step: 'upload', done, total: each * uploads.size, unit: 'bytes' })
    },
    paid: (copy, { epoch, msat, feeMsat }) =>
      progress({
        event: 'payment',
        lease: formatKey(copy.id),
        provider: formatKey(copy.provider),
        epoch,
        of: copy.epochs,
        msat: msat.toString(),
        feeMsat: feeMsat.toString()
      })
  }
}
