import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../../base/logger.js'
import type { Scope } from '../../base/scope.js'
import { Tally } from '../../base/tally.js'
import type { DealChannel } from '../../deal/channel.js'
import { Experiences } from '../../deal/experience.js'
import { Provider } from '../../deal/provider.js'
import { Debts } from '../../payment/debts.js'
import { drivePacker } from '../../storage/archive/packer.js'
import { Maintenance } from '../../storage/buyer/maintenance.js'
import { Mirrors } from '../../storage/buyer/mirrors.js'
import type { MirrorListener } from '../../storage/buyer/mirrors.js'
import { Refunds } from '../../storage/buyer/refunds.js'
import { Bids } from '../../storage/buyer/resting-bids.js'
import { takeOver } from '../../storage/buyer/restored-home.js'
import { exchangeCounters } from '../../storage/lease/counters.js'
import { Leases } from '../../storage/lease/leases.js'
import { LeaseManager } from '../../storage/provider/lease-manager.js'
import { LeaseShelf } from '../../storage/shelf/lease-shelf.js'
import { orphansOf } from './orphans.js'
import { tradeService } from './parts.js'
import type { TradeOptions } from './parts.js'
import { storageAsks, storageBidsOf } from './asks.js'

// Both sides of storage.

export const leases = tradeService(
  'leases',
  ['node', 'wallet', 'ledger', 'payments', 'deals'],
  ({ node, wallet, ledger, payments, deals }) => {
    const { store, now, timeouts } = node
    const debts = new Debts(store, ledger)
    return {
      deals,
      payments,
      leases: new Leases(store, logOf(node)),
      debts,
      now,
      timeouts,
      ...orphansOf(wallet)
    }
  }
)

export const counters = tradeService(
  'counters',
  ['alarms', 'wallet', 'ledger', 'payments', 'deals', 'leases'],
  ({ alarms, wallet, ledger, payments, deals, leases: { leases } }, scope) => {
    const abandon = wallet.abandon?.bind(wallet) ?? null
    const onalarm = (alarm: string): void => alarms.raise(alarm)
    const restored = { payments, leases, abandon, onalarm }
    scope.add(
      exchangeCounters({
        ...{ deals, leases, ledger },
        onforgotten: (peer, forgotten) => takeOver(restored, peer, forgotten)
      })
    )
    return null
  }
)

export const refunds = tradeService('refunds', ['node', 'leases'], ({ node, leases: context }, scope) => {
  const { timeouts, serve } = node
  const claims = new Refunds({
    ...context,
    open: device => context.deals.open(device, { timeoutMs: timeouts.connect })
  })
  const met = ({ stream }: DealChannel): void =>
    void claims.met(stream.remotePublicKey).catch(logOf(node).fault)
  if (serve) scope.on(context.deals, 'met', met)
  return claims
})

export const mirrors = tradeService('mirrors', ['node', 'wallet', 'leases'], async parts => {
  const { node, wallet, leases: context } = parts
  const folder = join(node.dir, 'drives')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const own = new Mirrors({
    ...context,
    ...{ store: node.store, log: logOf(node), folder, packer: drivePacker },
    experiences: new Experiences(node.store, node.now),
    asks: (key, maxPrice) => storageAsks(node.books, wallet.network, key, maxPrice),
    spendable: async () => (await wallet.balance()).spendableMsat,
    minGrace: node.policy.grace
  })
  await own.sweep(await readdir(folder))
  return own
})

export const shelf = tradeService('shelf', ['node'], async ({ node }, scope) => {
  if (!node.serve) return null
  const made = new LeaseShelf({ folder: join(node.dir, 'shelf') })
  logShelf(made, logOf(node), scope)
  return scope.open(made)
})

export const leaseManager = tradeService(
  'leaseManager',
  ['node', 'wallet', 'leases', 'shelf'],
  async ({ node, wallet, leases: context, shelf: kept }, scope) => {
    if (!kept) return null
    const { network } = node
    const manager = await scope.open(
      new LeaseManager({
        ...context,
        ...{ shelf: kept, announcer: network, log: logOf(node) },
        canReceive: (from, msat) => wallet.canReceive(from, msat)
      })
    )
    scope.add(network.serveCores((key, stream) => manager.serve(key, stream)))
    return manager
  }
)

export const quotes = tradeService(
  'quotes',
  ['node', 'deals', 'orders', 'leaseManager'],
  async ({ node, deals, orders, leaseManager: goods }, scope) =>
    goods && scope.open(new Provider({ deals, goods, policy: node.policy, ask: id => orders.get(id) }))
)

/** Pays leases unattended. */
export const maintenance = tradeService(
  'maintenance',
  ['node', 'leases', 'refunds', 'connections'],
  async (parts, scope) => {
    const { node, leases: context } = parts
    if (!node.serve) return null
    const made = new Maintenance({ ...context, refunds: parts.refunds, log: logOf(node) })
    scope.on(context.deals, 'met', ({ stream }: DealChannel) => made.met(stream.remotePublicKey))
    return scope.open(made)
  }
)

/** Fills and answers resting bids, unattended. */
export const storageBids = tradeService(
  'storageBids',
  ['node', 'wallet', 'deals', 'orders', 'mirrors', 'leaseManager', 'connections'],
  async ({ node, wallet, deals, orders, mirrors: own, leaseManager: manager }, scope) => {
    if (!manager) return null
    const { books } = node
    const log = logOf(node)
    const nothing = (): void => undefined
    const note = (message: string): void => log.info(message)
    const listener: MirrorListener = { note, packed: nothing, uploaded: nothing, paid: nothing }
    return scope.open(
      new Bids({
        ...{ deals, orders, mirrors: own, listener, log },
        standing: () => storageBidsOf(books, wallet.network),
        hasRoom: async (ask, bytes) => (await manager.capacityFault(ask, bytes)) === null
      })
    )
  }
)

function logOf({ log }: TradeOptions): Logger {
  return log.child('storage')
}

function logShelf(shelf: LeaseShelf, log: Logger, scope: Scope): void {
  const egressSpent = new Tally(log, 'reader turned away')
  scope.add(() => egressSpent.flush())
  scope.on(shelf, 'problem', (error: unknown) => log.fault(error))
  scope.on(shelf, 'paused', (lease: string) => log.warn('upload paused, the disk is full', { lease }))
  scope.on(shelf, 'resumed', (lease: string) => log.info('upload resumed', { lease }))
  scope.on(shelf, 'egress-spent', (lease: string) => egressSpent.count('EGRESS', { lease }))
}
