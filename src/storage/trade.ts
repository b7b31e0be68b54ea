import { statedLeast } from '../lightning/wallet.js'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../base/logger.js'
import type { Scope } from '../base/scope.js'
import { MINUTE } from '../../contracts/money/quantity.js'
import { Poller } from '../base/poller.js'
import { Tally } from '../base/tally.js'
import type { Books } from '../book/books.js'
import type { DealChannel } from '../deal/channel.js'
import { STEP } from '../payment/payment-state.js'
import { Debts } from '../payment/debts.js'
import { drivePacker } from './archive/packer.js'
import type { BuyerLeaseContext } from './buyer/buyer-lease.js'
import { Maintenance } from './buyer/upkeep/maintenance.js'
import { Mirrors } from './buyer/mirrors.js'
import type { MirrorListener } from './buyer/mirrors.js'
import type { BookedAsk } from './buyer/placing/seller-search.js'
import { Extending } from './buyer/upkeep/extending.js'
import { MirrorUpkeep } from './buyer/upkeep/mirror-upkeep.js'
import { Replacement } from './buyer/upkeep/replacement.js'
import { MirrorReminders } from './buyer/upkeep/reminders.js'
import { Tokens } from './buyer/upkeep/tokens.js'
import { Refunds } from './buyer/refunds.js'
import { StorageBids } from './buyer/resting-bids.js'
import { takeOver } from './buyer/restored-home.js'
import { exchangeCounters } from './lease/counters.js'
import { consumed } from './lease/consumed.js'
import { problemsOfLeases } from './lease/lease-sums.js'
import { Leases } from './lease/leases.js'
import { Inbox } from './notices/inbox.js'
import { AskSpace } from './provider/ask-space.js'
import { LeaseManager } from './provider/lease-manager.js'
import { StorageSelling } from './provider/selling.js'
import { storage } from './resource.js'
import { LeaseShelf } from './shelf/lease-shelf.js'
import { Granting } from './takeover/granting.js'
import { Leaving } from './takeover/leaving.js'
import { Taking } from './takeover/taking.js'
import { storageStatus } from './status.js'
import { STORAGE_TABLES } from './tables.js'
import { bookedBids, cheapestAsks } from '../node/trade/asks.js'
import { orphansOf } from '../node/trade/orphans.js'
import { tradeService } from '../node/trade/parts.js'
import type { TradeOptions, TradeParts, TradeResource } from '../node/trade/parts.js'

// Both sides of storage.

declare module '../node/trade/parts.js' {
  interface TradeParts {
    /** Leases and debts on disk, and the context of the buyer's leases. */
    leases: BuyerLeaseContext & { taking: Taking }
    counters: null
    refunds: Refunds
    takeovers: null
    takingOver: Poller | null
    mirrors: Mirrors
    notices: Inbox
    shelf: LeaseShelf | null
    leaseManager: LeaseManager | null
    askSpace: AskSpace | null
    mirrorUpkeep: MirrorUpkeep | null
    maintenance: Maintenance | null
    storageBids: StorageBids | null
  }
}

const leases = tradeService(
  'leases',
  ['node', 'wallet', 'ledger', 'payments', 'deals'],
  ({ node, wallet, ledger, payments, deals }) => {
    const { dir, store, now, timeouts, identity } = node
    const debts = new Debts(store, ledger)
    const records = new Leases(store, logOf(node))
    const leaving = new Leaving({ store, identity, log: logOf(node) })
    return {
      deals,
      payments,
      leases: records,
      taking: new Taking({ store, deals, leases: records, payments, debts, leaving, timeouts, now }),
      debts,
      tokens: new Tokens({ store, leases: records, folder: join(dir, 'tokens'), now }),
      now,
      timeouts,
      ...orphansOf(wallet)
    }
  }
)

const counters = tradeService(
  'counters',
  ['alarms', 'wallet', 'ledger', 'payments', 'deals', 'leases'],
  ({ alarms, wallet, ledger, payments, deals, leases: { leases, tokens } }, scope) => {
    const abandon = wallet.abandon?.bind(wallet) ?? null
    const onalarm = (alarm: string): void => alarms.raise(alarm)
    const restored = { payments, leases, tokens, abandon, onalarm }
    scope.add(
      exchangeCounters({
        ...{ deals, leases, ledger },
        onforgotten: (peer, forgotten) => takeOver(restored, peer, forgotten)
      })
    )
    return null
  }
)

const refunds = tradeService('refunds', ['node', 'leases'], ({ node, leases: context }, scope) => {
  const { timeouts, serve } = node
  const { taking } = context
  const claims = new Refunds({
    ...context,
    open: async device => {
      taking.demandHere()
      const channel = await context.deals.open(device, { timeoutMs: timeouts.connect })
      await taking.ask(channel)
      return channel
    },
    isLess: (channel, agreement) => taking.isLess(channel, agreement)
  })
  const met = ({ stream }: DealChannel): void =>
    void claims.met(stream.remotePublicKey).catch(logOf(node).fault)
  if (serve) scope.on(context.deals, 'met', met)
  return claims
})

const mirrors = tradeService('mirrors', ['node', 'wallet', 'leases'], async parts => {
  const { node, wallet, leases: context } = parts
  const folder = join(node.dir, 'drives')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const own = new Mirrors({
    ...context,
    ...{ store: node.store, log: logOf(node), folder, packer: drivePacker },
    experiences: context.deals.experiences,
    asks: (key, maxPrice) => bookedAsks(node.books, wallet.network, key, maxPrice),
    spendable: async () => (await wallet.balance()).spendableMsat,
    minGrace: node.policy.grace
  })
  context.taking.addTo(own)
  await own.sweep(await readdir(folder))
  return own
})

/** What providers say of leases that this node bought. */
const notices = tradeService(
  'notices',
  ['node', 'deals', 'leases'],
  ({ node, deals, leases: context }, scope) => {
    const inbox = new Inbox(context, logOf(node))
    scope.add(deals.handle('notice', (signed, peer) => inbox.hear(signed, peer)))
    return inbox
  }
)

const shelf = tradeService('shelf', ['node'], async ({ node }, scope) => {
  if (!node.serve) return null
  const made = new LeaseShelf({ folder: join(node.dir, 'shelf'), now: node.now })
  logShelf(made, logOf(node), scope)
  return scope.open(made)
})

const leaseManager = tradeService(
  'leaseManager',
  ['node', 'wallet', 'deals', 'quotes', 'leases', 'shelf'],
  async ({ node, wallet, deals, quotes, leases: context, shelf: kept }, scope) => {
    if (!kept || !quotes) return null
    const { network } = node
    const manager = await scope.open(
      new LeaseManager({
        ...context,
        ...{ shelf: kept, announcer: network, log: logOf(node) },
        canReceive: (from, msat) => wallet.canReceive(from, msat),
        statedLeast: () => statedLeast(wallet)
      })
    )
    scope.add(network.serveCores((key, stream) => manager.serve(key, stream)))
    const selling = new StorageSelling({ self: deals.self, policy: node.policy, desk: manager })
    scope.add(quotes.serve(storage, selling))
    return manager
  }
)

/** Leases go to another device of their buyer; a device that was left is told so when it is met. */
const takeovers = tradeService(
  'takeovers',
  ['node', 'ledger', 'deals', 'leases', 'leaseManager'],
  ({ node, ledger, deals, leases: { leases: records, debts, taking }, leaseManager: manager }, scope) => {
    const log = logOf(node)
    const granting = new Granting({
      ...{ deals, leases: records, ledger, debts, log, leaving: taking.leaving },
      ontaken: async device => manager?.takenOver(device)
    })
    scope.add(deals.handle('takeover', (request, peer) => granting.answer(request, peer)))
    scope.on(
      deals,
      'met',
      (channel: DealChannel) => void granting.tell(channel, node.timeouts.answer).catch(log.fault)
    )
    return null
  }
)

/** Shows providers what this device takes over until they have answered, unattended. */
const takingOver = tradeService(
  'takingOver',
  ['node', 'leases', 'connections'],
  ({ node, leases: { taking, deals } }, scope) => {
    if (!node.serve) return null
    const poller = new Poller({
      look: signal => taking.look(signal),
      interval: MINUTE,
      onerror: logOf(node).fault
    })
    scope.add(() => poller.close())
    const met = ({ device }: DealChannel): void =>
      void taking.met(device, poller.signal).catch((error: unknown) => {
        if (!poller.signal.aborted) logOf(node).fault(error)
      })
    scope.on(deals, 'met', met)
    void poller.start()
    return poller
  }
)

/** Tells the book what is left of our asks. */
const askSpace = tradeService(
  'askSpace',
  ['node', 'orders', 'leaseManager'],
  async ({ node, orders, leaseManager: manager }, scope) => {
    if (!manager) return null
    const made = new AskSpace({
      asks: () => orders.list(),
      letUnder: ask => manager.letUnder(ask),
      revise: (ask, body) => orders.revise(ask, body),
      log: logOf(node)
    })
    scope.on(manager, 'change', () => made.soon())
    return scope.open(made)
  }
)

/** Replaces lost copies and extends mirrors, unattended. */
const mirrorUpkeep = tradeService(
  'mirrorUpkeep',
  ['node', 'leases', 'mirrors', 'notices', 'connections'],
  async ({ node, leases: { leases: records, taking }, mirrors: own, notices: inbox }, scope) => {
    if (!node.serve) return null
    const { store, now } = node
    const log = logOf(node)
    const tasks = [new Extending(own, log), new Replacement(own, log)]
    const isLeft = (): boolean => taking.isLeft
    const made = new MirrorUpkeep({ store, now, leases: records, mirrors: own, tasks, log, isLeft })
    scope.on(inbox, 'ended', () => made.poke())
    return scope.open(made)
  }
)

/** Pays and audits leases unattended, and tells what their owner should know. */
const maintenance = tradeService(
  'maintenance',
  ['node', 'leases', 'refunds', 'mirrors', 'notices', 'mirrorUpkeep', 'connections'],
  async (parts, scope) => {
    const { node, leases: context } = parts
    if (!node.serve) return null
    const { store, now } = node
    await scope.open(new MirrorReminders({ store, now, leases: context.leases, log: logOf(node) }))
    const made = new Maintenance({
      ...context,
      ...{ refunds: parts.refunds, log: logOf(node) },
      ahead: lease => parts.mirrors.aheadOf(lease)
    })
    scope.on(context.deals, 'met', ({ stream }: DealChannel) => made.met(stream.remotePublicKey))
    scope.on(made, 'failed', () => parts.mirrorUpkeep?.poke())
    scope.on(parts.notices, 'ended', () => made.poke())
    return scope.open(made)
  }
)

/** Fills and answers resting bids, unattended. */
const storageBids = tradeService(
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
      new StorageBids({
        ...{ deals, orders, mirrors: own, listener, log },
        standing: () => bookedBids(books, wallet.network, storage),
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
  scope.on(shelf, 'resumed', (lease: string) => log.info('upload no longer waits for the disk', { lease }))
  scope.on(shelf, 'egress-spent', (lease: string) => egressSpent.count('EGRESS', { lease }))
}

/** The cheapest asks for storage on a market, for one Lightning network. */
async function bookedAsks(
  books: Books,
  network: string,
  key: Buffer,
  maxPrice: bigint | null
): Promise<BookedAsk[]> {
  const orders = await cheapestAsks(books, key, { resource: storage, network, maxPrice })
  return orders.map(({ id, order, seen }) => {
    const { space, minTime, maxTime, minChargeMsat } = storage.ask.decode(order.body)
    const { identity, device, price, revision } = order
    return { id, identity, device, price, revision, seen, space, minTime, maxTime, minChargeMsat }
  })
}

/** True for an open lease with the device, or one for which money is moving or owed. */
function hasLeases(
  { leases: { leases: records }, refunds: claims, ledger }: TradeParts,
  device: Buffer
): boolean {
  const [first] = records.with(device)
  if (first) return true
  const isTheirs = (id: Buffer): boolean => {
    const provided = records.get('provider', id)
    const parties = [records.get('buyer', id)?.terms.provider, provided && records.buyerOf(provided.terms)]
    return parties.some(party => party?.device!.equals(device) === true)
  }
  for (const { agreement } of ledger.at(STEP.sent)) if (isTheirs(agreement)) return true
  for (const id of claims.owed()) if (isTheirs(id)) return true
  return false
}

export const storageTrade: TradeResource = {
  resource: storage,
  tables: STORAGE_TABLES,
  answering: [leases, counters, refunds, mirrors, notices, shelf, leaseManager, takeovers],
  working: [askSpace, takingOver, mirrorUpkeep, maintenance, storageBids],
  bids: parts => parts.storageBids,
  hasDealings: hasLeases,
  dealings: ({ leases: { leases: records } }, device) => records.dealings(device),
  consumed: ({ leases: { leases: records, debts }, ledger }, now) => consumed(records, ledger, debts, now),
  status: ({ store, ledger, dir, parts }) =>
    storageStatus({ store, ledger, dir, shelf: parts?.shelf ?? null }),
  problems: problemsOfLeases,
  used: ({ shelf: kept, leaseManager: manager }) => ({
    ...manager?.used,
    ...(kept ? { openCores: kept.shelf.openCores } : {})
  })
}
