import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import ReadyResource from 'ready-resource'
import { RESOURCE, askOf } from '../../../contracts/order.js'
import { Experiences } from '../../deal/experience.js'
import { Provider } from '../../deal/provider.js'
import type { Policy } from '../../deal/provider.js'
import { Debts } from '../../payment/debts.js'
import { Bids } from '../../storage/buyer/resting-bids.js'
import type { BookedBid } from '../../storage/buyer/resting-bids.js'
import { exchangeCounters } from '../../storage/lease/counters.js'
import type { BuyerLeaseContext } from '../../storage/buyer/buyer-lease.js'
import { LeaseManager } from '../../storage/provider/lease-manager.js'
import { Leases, isOver } from '../../storage/lease/leases.js'
import { Mirrors } from '../../storage/buyer/mirrors.js'
import type { MirrorListener } from '../../storage/buyer/mirrors.js'
import { drivePacker } from '../../storage/archive/packer.js'
import type { BookedAsk } from '../../storage/buyer/placement.js'
import { Refunds } from '../../storage/buyer/refunds.js'
import { takeOver } from '../../storage/buyer/restored-home.js'
import { Shelf } from '../../storage/shelf/shelf.js'
import { Maintenance } from '../../storage/buyer/maintenance.js'
import type { TradeContext, TradeOptions } from './trade-context.js'

/** Of the cheapest asks, so many are considered. */
const MAX_ASKS = 500
const MAX_BIDS = 200

export interface StorageTradeOptions extends TradeContext {
  policy: Policy
  onalarm: (alarm: string) => void
}

/** Both sides of storage, on the parts of a node. */
export class StorageTrade extends ReadyResource {
  readonly debts: Debts
  readonly leases: Leases
  readonly refunds: Refunds
  readonly context: BuyerLeaseContext
  readonly mirrors: Mirrors
  readonly shelf: Shelf | null = null
  readonly leaseManager: LeaseManager | null = null
  maintenance: Maintenance | null = null
  bids: Bids | null = null
  readonly #node: TradeOptions
  readonly #context: StorageTradeOptions
  readonly #drives: string

  constructor(node: TradeOptions, context: StorageTradeOptions) {
    super()
    this.#node = node
    this.#context = context
    const { dir, facts, network, onfault, timeouts } = node
    const { wallet, ledger, deals, payments, policy, onalarm, now } = context
    this.#drives = join(dir, 'drives')
    const leases = new Leases(facts)
    const debts = new Debts(facts, ledger)
    this.leases = leases
    this.debts = debts
    this.context = { deals, payments, leases, debts, now, timeouts, ...orphansOf(wallet) }
    const abandon = wallet.abandon?.bind(wallet) ?? null
    exchangeCounters({
      deals,
      leases,
      ledger,
      onforgotten: (peer, forgotten) => takeOver({ payments, leases, abandon, onalarm }, peer, forgotten)
    })
    this.refunds = new Refunds({
      ...{ debts, payments, leases, now, timeouts },
      open: device => deals.open(device, { timeoutMs: timeouts.connect })
    })
    this.mirrors = new Mirrors({
      ...this.context,
      facts,
      folder: this.#drives,
      packer: drivePacker,
      experiences: new Experiences(facts, now),
      asks: (key, maxPrice) => this.#asks(key, maxPrice),
      spendable: async () => (await wallet.balance()).spendableMsat,
      minGrace: policy.grace
    })
    if (!node.serve) return
    this.shelf = new Shelf({ folder: join(dir, 'shelf') })
    this.shelf.on('problem', onfault)
    this.leaseManager = new LeaseManager({
      ...this.context,
      canReceive: (from, msat) => wallet.canReceive(from, msat),
      shelf: this.shelf,
      announcer: network,
      onfault
    })
    new Provider({ deals, policy, goods: this.leaseManager, ask: id => context.orders.get(id) })
  }

  /** What must be there before the first peer is heard. */
  protected override async _open(): Promise<void> {
    await mkdir(this.#drives, { recursive: true, mode: 0o700 })
    await this.shelf?.ready()
    if (this.leaseManager)
      this.#node.network.serveCores((key, stream) => this.leaseManager!.serve(key, stream))
    await this.mirrors.sweep(await readdir(this.#drives))
  }

  /** Keeps what was sold. */
  async keep(): Promise<void> {
    await this.leaseManager?.ready()
  }

  /** Pays what is leased, and fills bids, unattended. */
  async serve(): Promise<void> {
    const { onfault, onnote } = this.#node
    const { deals, orders } = this.#context
    this.maintenance = new Maintenance({ ...this.context, refunds: this.refunds, onfault })
    await this.maintenance.ready()
    const listener: MirrorListener = {
      note: onnote,
      packed: () => undefined,
      uploaded: () => undefined,
      paid: () => undefined
    }
    this.bids = new Bids({
      ...{ deals, orders, mirrors: this.mirrors, listener, onfault },
      standing: () => this.#bids(),
      hasRoom: async (ask, bytes) => (await this.leaseManager!.capacityFault(ask, bytes)) === null
    })
    await this.bids.ready()
  }

  /** Does nothing more of its own accord. */
  async rest(): Promise<void> {
    await this.bids?.close()
    await this.maintenance?.close()
  }

  protected override async _close(): Promise<void> {
    await this.shelf?.close()
  }

  /** Is there a lease with that device that is not over, or something owed for one? */
  dealsWith(device: Buffer): boolean {
    for (const role of ['buyer', 'provider'] as const) {
      for (const { id, lease } of this.leases.list(role)) {
        const { buyer, provider } = lease.terms
        if (!(role === 'buyer' ? provider : buyer).device.equals(device)) continue
        if (!isOver(lease) || this.refunds.isOwed(id)) return true
        if (this.#context.ledger.totals(id).inFlightMsat > 0n) return true
      }
    }
    return false
  }

  async #asks(key: Buffer, maxPrice: bigint | null): Promise<BookedAsk[]> {
    const market = this.#node.books.get(key)
    if (!market) return []
    const orders = await market.asks({
      resource: RESOURCE.storage,
      network: this.#context.wallet.network,
      limit: MAX_ASKS,
      ...(maxPrice === null ? {} : { maxPrice })
    })
    return orders.map(({ id, order }) => {
      const { space, minTime, maxTime, minChargeMsat } = askOf(order)
      const { identity, device, price, revision } = order
      return { id, identity, device, price, revision, space, minTime, maxTime, minChargeMsat }
    })
  }

  async #bids(): Promise<BookedBid[]> {
    const { network } = this.#context.wallet
    const lists = this.#node.books.markets.map(market =>
      market.bids({ resource: RESOURCE.storage, network, limit: MAX_BIDS })
    )
    return (await Promise.all(lists)).flat()
  }
}

/** Only a wallet that can give up its channels has payments whose channel is gone. */
function orphansOf(wallet: TradeContext['wallet']): Pick<BuyerLeaseContext, 'orphans'> {
  const resolve = wallet.resolve?.bind(wallet)
  if (!resolve) return {}
  return {
    orphans: {
      isOrphan: async hash => {
        const state = await wallet.payment(hash)
        return state.status === 'pending' && state.orphaned === true
      },
      resolve: async (hash, preimage) => void (await resolve(hash, preimage))
    }
  }
}
