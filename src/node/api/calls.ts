import { resolve } from 'node:path'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey, parseKey, shortKey } from '../../../contracts/keys/key.js'
import { parseLink } from '../../../contracts/keys/link.js'
import { RESOURCE, SIDE } from '../../../contracts/order.js'
import { DAY } from '../../../contracts/money/quantity.js'
import { encode } from '../../../contracts/schema/codec.js'
import { nameOf } from '../../base/states.js'
import { BuyerLease } from '../../storage/buyer/buyer-lease.js'
import type { MirrorListener, MirrorRequest } from '../../storage/buyer/mirrors.js'
import { LEASE, isOver } from '../../storage/lease/lease-state.js'
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
import type { NodeContext } from '../context.js'
import type { StorageParts, Trade } from '../trade/trade.js'
import { leaseEntries } from './leases.js'
import { restoreLink } from './restore.js'
import { statusOf } from './status.js'

type CallTable = {
  [M in Method]: (node: NodeContext, params: Params<M>, context: CallContext) => Promise<Result<M>>
}

const BOOK_WAIT = 10_000
const ASK_LIFETIME = 365 * DAY
const DEFAULT_PREPAY = 20_000_000n
/** How long ending a lease waits for the refund, ms; a running node receives a later one. */
const REFUND_WAIT = 15_000

/** The implementation of each call. */
export const CALLS: CallTable = {
  'market.create': (node, params) => createMarket(node, params).then(market => dry(params, market)),
  'market.join': (node, params) =>
    joinMarket(node, params.key, params.dryRun).then(market => dry(params, market)),
  'market.use': async (node, params) => {
    const market = marketOf(node, params.market)
    if (!params.dryRun) await node.home.useMarket(market.key)
    return dry(params, { key: formatKey(market.key), name: market.name })
  },
  'market.list': async node => ({ markets: marketEntries(node.books, node.home.market) }),
  'market.admit': async (node, params) => {
    const market = marketOf(node, params.market)
    const device = parseKey(params.device, 'device key')
    if (!params.dryRun) await market.admit(device)
    return dry(params, { device: formatKey(device), market: formatKey(market.key) })
  },

  'sell.storage': async (node, params) => {
    const market = marketOf(node, params.market)
    const { orders, shelf } = await serving(node)
    const { space, minTime, maxTime, region } = params
    if (!(await shelf.canReserve(space))) {
      throw new BushelError(
        'NO_SPACE',
        'the disk has less free space than that; no offer was made',
        'offer less with --space'
      )
    }
    await demandInbound(node, 2n * FIRST_SLICE)
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

  'bid.storage': async (node, params, context) => {
    const market = marketOf(node, params.market)
    const { bids, mirrors } = await serving(node)
    await market.inStep({ timeoutMs: BOOK_WAIT })
    const request = requestOf(node, market.key, params)
    if (params.dryRun) {
      await mirrors.checkBid(request)
      return { id: '', market: formatKey(market.key), expires: Date.now(), dryRun: true }
    }
    const { id, order } = await bids.place(request, listener(context), context.signal)
    return { id: formatKey(id), market: formatKey(market.key), expires: order.expires }
  },

  withdraw: async (node, params) => {
    const { orders, bids } = await serving(node)
    const id = parseKey(params.id, 'order id')
    if (!orders.get(id)) {
      throw new BushelError(
        'ORDER_NOT_FOUND',
        `this node has no standing order ${shortKey(id)}...`,
        'see the orders with: bushel book'
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

  mirror: async (node, params, context) => {
    const market = marketOf(node, params.market)
    await market.inStep({ timeoutMs: BOOK_WAIT })
    const { mirrors } = (await node.trade()).storage
    const request = requestOf(node, market.key, params)
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

  restore: async (node, params, context) => {
    parseLink(params.link)
    const dest = resolve(params.dest)
    if (params.dryRun) return { path: dest, files: 0, bytes: 0, sha256: '', seconds: 0, dryRun: true }
    return restoreLink(node, { ...params, dest }, context)
  },

  leases: async node => {
    const { ledger } = await node.trade()
    return { leases: leaseEntries(node.store, ledger) }
  },

  'leases.end': async (node, params) => {
    const id = parseKey(params.id, 'lease id')
    const trade = await node.trade()
    const mine = trade.storage.leases.get('buyer', id)
    const kept = trade.storage.leases.get('provider', id)
    if (!mine && !kept)
      throw new BushelError(
        'LEASE_NOT_FOUND',
        `this node has no lease ${shortKey(id)}...`,
        'see the leases with: bushel leases'
      )
    if (params.dryRun) return { id: formatKey(id), state: nameOf((mine ?? kept)!.state), dryRun: true }
    if (mine) {
      if (!isOver(mine)) await new BuyerLease(trade.storage.context, id).end('the owner ended it')
      await trade.storage.refunds.settle(id, REFUND_WAIT)
    } else if (trade.storage.leaseManager) await trade.storage.leaseManager.end(id, 'ended by the provider')
    else throw needsUp()
    return { id: formatKey(id), state: nameOf(LEASE.ENDED) }
  },

  wallet: async node => walletResult(node.home.wallet, await (await node.trade()).wallet.balance()),
  'wallet.history': walletHistory,
  'wallet.invoice': walletInvoice,
  'wallet.pay': walletPay,
  'wallet.limits': walletLimits,
  'log.check': checkLog,

  status: async node => statusOf(node)
}

const FIRST_SLICE = 40_000n
/** Minimum charge, so that a lease of very little data costs a sat. */
const MIN_CHARGE = 1000n

function dry<T extends object>(params: { dryRun?: boolean }, result: T): T & { dryRun?: boolean } {
  return params.dryRun ? { ...result, dryRun: true } : result
}

/** The parts that only `bushel up` has; throws NOT_RUNNING without them. */
async function serving(node: NodeContext): Promise<Required<AnyCall>> {
  if (!node.serving) throw needsUp()
  const { orders, storage } = await node.trade()
  const { bids, mirrors, shelf } = storage
  if (!bids || !shelf) throw needsUp()
  return { orders, bids, mirrors, shelf }
}

interface AnyCall {
  orders: Trade['orders']
  bids: NonNullable<StorageParts['bids']>
  mirrors: StorageParts['mirrors']
  shelf: NonNullable<StorageParts['shelf']>
}

function requestOf(_parts: NodeContext, market: Buffer, params: Mirror): MirrorRequest {
  return {
    market,
    path: resolve(params.path),
    copies: params.copies,
    time: params.time,
    maxPrice: params.maxPrice === undefined ? null : BigInt(params.maxPrice),
    prepayMaxMsat: params.prepayMaxMsat === undefined ? DEFAULT_PREPAY : BigInt(params.prepayMaxMsat)
  }
}

/** Reports progress to the caller, with the uploads of all copies as one sum. */
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
    paid: (copy, { installment, msat, feeMsat }) =>
      progress({
        event: 'payment',
        lease: formatKey(copy.id),
        provider: formatKey(copy.provider),
        installment,
        of: copy.installments,
        msat: msat.toString(),
        feeMsat: feeMsat.toString()
      })
  }
}
