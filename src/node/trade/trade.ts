import ReadyResource from 'ready-resource'
import { Services } from '../../base/services.js'
import type { BuyerLeaseContext } from '../../storage/buyer/buyer-lease.js'
import { DEFAULT_POLICY } from '../../storage/provider/selling.js'
import type { Policy } from '../../storage/provider/selling.js'
import { Alarms } from './alarms.js'
import { tradeServices } from './order.js'
import type { TradeOptions, TradeParts } from './parts.js'
import { trustedNow } from '../../base/time/trusted-time.js'

/** Both sides of storage. */
export interface StorageParts extends Pick<TradeParts, 'refunds' | 'mirrors' | 'shelf' | 'leaseManager'> {
  leases: BuyerLeaseContext['leases']
  debts: BuyerLeaseContext['debts']
  /** The context of the buyer's leases. */
  context: BuyerLeaseContext
  taking: TradeParts['leases']['taking']
  maintenance: TradeParts['maintenance']
  mirrorUpkeep: TradeParts['mirrorUpkeep']
  bids: TradeParts['storageBids']
}

/** Both sides of compute. */
export interface ComputeParts extends Pick<TradeParts, 'jobs' | 'blobs' | 'hires' | 'runs' | 'worker'> {
  bids: TradeParts['computeBids']
}

/** The parts of a node that make deals: wallet, ledger, payments, deals, storage and compute. */
export class Trade extends ReadyResource {
  readonly policy: Policy
  readonly #alarms: Alarms
  readonly #services: Services<TradeParts>

  constructor(options: TradeOptions) {
    super()
    const { now = trustedNow, log } = options
    this.policy = { ...DEFAULT_POLICY, ...options.policy }
    this.#alarms = new Alarms(log)
    const node = { ...options, now, policy: this.policy }
    const given = { node, alarms: this.#alarms }
    const services = tradeServices(options.resources)
    this.#services = new Services<TradeParts>({ given, services, onfault: log.fault })
  }

  protected override async _open(): Promise<void> {
    await this.#services.ready()
  }

  protected override async _close(): Promise<void> {
    await this.#services.close()
  }

  /** Also works during opening: open parts are closed, and the rest is not opened. */
  override close(): Promise<void> {
    this.#services.close().catch(() => undefined) // `_close` or `ready` reports it
    return super.close()
  }

  get wallet(): TradeParts['wallet'] {
    return this.parts.wallet
  }

  get ledger(): TradeParts['ledger'] {
    return this.parts.ledger
  }

  get limits(): TradeParts['limits'] {
    return this.parts.limits
  }

  get payments(): TradeParts['payments'] {
    return this.parts.payments
  }

  get deals(): TradeParts['deals'] {
    return this.parts.deals
  }

  get orders(): TradeParts['orders'] {
    return this.parts.orders
  }

  get storage(): StorageParts {
    const { leases: context, refunds, mirrors, shelf, leaseManager, storageBids: bids } = this.parts
    const { maintenance, mirrorUpkeep } = this.parts
    const { leases, debts, taking } = context
    const provided = { shelf, leaseManager }
    return { leases, debts, context, taking, refunds, mirrors, bids, maintenance, mirrorUpkeep, ...provided }
  }

  get compute(): ComputeParts {
    const { jobs, blobs, hires, runs, worker, computeBids } = this.parts
    return { jobs, blobs, hires, runs, worker, bids: computeBids }
  }

  /** Alarms for the owner. */
  get alarms(): ReadonlySet<string> {
    return this.#alarms.raised
  }

  /** Corrections of the ledger, newest last. */
  get mended(): readonly string[] {
    return this.#alarms.mended
  }

  /** All parts by the names of their services; complete once it is ready. */
  get parts(): TradeParts {
    return this.#services.parts as TradeParts
  }
}
