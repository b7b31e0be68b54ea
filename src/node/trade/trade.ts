import { createHmac } from 'node:crypto'
import type { NoiseStream } from 'hyperdht'
import ReadyResource from 'ready-resource'
import { BushelError } from '../../../contracts/errors/error.js'
import type { Market } from '../../book/market.js'
import type { DealChannel } from '../../deal/channel.js'
import { Deals } from '../../deal/deals.js'
import { DEFAULT_POLICY } from '../../deal/provider.js'
import type { Policy } from '../../deal/provider.js'
import { StandingOrders } from '../../deal/standing-orders.js'
import { checkInvoice } from '../../lightning/invoice.js'
import type { WalletResource } from '../../lightning/backend.js'
import { Ledger } from '../../payment/ledger.js'
import { SpendingLimits } from '../../payment/limits.js'
import { Payments } from '../../payment/payments.js'
import { ComputeTrade } from './compute-trade.js'
import { StorageTrade } from './storage-trade.js'
import type { TradeContext, TradeOptions } from './trade-context.js'

/** Lines that are kept of what the ledger was mended in. */
const MAX_MENDED = 100

/** The parts of a node that make deals: wallet, ledger, payments, deals, and the trades that are made with them. */
export class Trade extends ReadyResource {
  readonly wallet: WalletResource
  readonly ledger: Ledger
  readonly limits: SpendingLimits
  readonly policy: Policy
  /** What the owner must know: a home that is an older copy, money that does not add up. */
  readonly alarms = new Set<string>()
  /** What the ledger was mended in, newest last. */
  readonly mended: string[] = []
  payments!: Payments
  deals!: Deals
  orders!: StandingOrders
  storage!: StorageTrade
  compute!: ComputeTrade
  readonly #options: TradeOptions
  readonly #now: () => number
  readonly #linked = new WeakSet<NoiseStream>()

  constructor(options: TradeOptions) {
    super()
    this.#options = options
    const { facts, wallet, ledgerFile, now = Date.now } = options
    this.#now = now
    this.wallet = wallet
    this.ledger = new Ledger(ledgerFile)
    this.limits = new SpendingLimits({ ledger: this.ledger, real: this.wallet.real, facts, now })
    this.policy = { ...DEFAULT_POLICY, ...options.policy }
  }

  protected override async _open(): Promise<void> {
    const { network, serve, onfault } = this.#options
    this.wallet.on('fault', onfault)
    await this.wallet.ready()
    const context = this.#assemble()
    const onalarm = (alarm: string): void => this.#alarm(alarm)
    this.storage = new StorageTrade(this.#options, { ...context, policy: this.policy, onalarm })
    this.compute = new ComputeTrade(this.#options, context)
    await this.storage.ready()
    await this.compute.ready()
    await this.payments.ready()
    await this.deals.ready()
    for (const stream of network.streams) this.#onconnection(stream)
    network.on('connection', this.#onconnection)
    await this.compute.goOn()
    if (serve) await this.#serve()
  }

  /** The means, once the wallet has said who it is. */
  #assemble(): TradeContext {
    const { facts, network, identity, device, proof, books, onfault } = this.#options
    const { wallet, ledger, limits } = this
    const now = this.#now
    const secret = createHmac('sha256', device.secretKey).update('bushel/preimages').digest()
    this.payments = new Payments({ ledger, wallet, checkInvoice, limits, secret, onfault, now })
    this.payments.reconciler.on('mended', (lines: string[]) => this.#mended(lines))
    this.payments.reconciler.on('faults', (lines: string[]) => lines.forEach(line => this.#alarm(line)))
    const self = { identity, device, proof, lightning: wallet.nodeId, network: wallet.network }
    this.deals = new Deals({ self, facts, connector: network, onfault, now })
    this.deals.on('met', this.#onmet)
    const market = (key: Buffer): Market | null => books.get(key)
    this.orders = new StandingOrders({ self, facts, market, onfault })
    const { payments, deals, orders } = this
    return { wallet, ledger, limits, payments, deals, orders, now }
  }

  async #serve(): Promise<void> {
    const { network, books } = this.#options
    await this.storage.keep()
    await this.orders.ready()
    await this.compute.work()
    await this.storage.serve()
    await this.compute.serve()
    const follow = (market: Market): void =>
      void market.on('update', () => {
        this.storage.bids!.soon()
        this.compute.bids!.soon()
      })
    books.markets.forEach(follow)
    books.on('market', follow)
    await network.listen()
  }

  protected override async _close(): Promise<void> {
    this.#options.network.off('connection', this.#onconnection)
    await this.compute?.rest()
    await this.storage?.rest()
    await this.orders?.close()
    await this.storage?.leaseManager?.close()
    await this.deals?.close()
    await this.payments?.close()
    await this.storage?.close()
    await this.compute?.close()
    await this.wallet.close()
  }

  readonly #onconnection = (stream: NoiseStream): void => {
    this.deals.attach(stream)
    const { remotePublicKey: device } = stream
    // Whoever we have dealings with is greeted, so that counters are compared and Lightning comes up.
    if (!this.storage.dealsWith(device) && !this.compute.dealsWith(device)) return
    this.deals
      .open(device, { timeoutMs: this.#options.timeouts.connect })
      .catch((error: unknown) => error instanceof BushelError || this.#options.onfault(error))
  }

  /** Lightning speaks only with whoever has shown its counters, and seen ours. */
  readonly #onmet = ({ stream }: DealChannel): void => {
    if (this.#options.serve) this.storage.refunds.met(stream.remotePublicKey).catch(this.#options.onfault)
    this.storage.maintenance?.met(stream.remotePublicKey)
    if (!this.wallet.link || this.#linked.has(stream)) return
    this.#linked.add(stream)
    this.wallet.link(stream)
  }

  #alarm(alarm: string): void {
    if (this.alarms.has(alarm)) return
    this.alarms.add(alarm)
    this.#options.onnote(alarm)
  }

  #mended(lines: string[]): void {
    this.mended.push(...lines)
    this.mended.splice(0, this.mended.length - MAX_MENDED)
    for (const line of lines) this.#options.onnote(line)
  }
}
