import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { NoiseStream } from 'hyperdht'
import { Deals } from '../../../../src/deal/deals.js'
import type { Store } from '../../../../src/store/store.js'
import { storeIn } from '../../../parts/store/store-in.js'
import type { Address } from '../../../../src/network/network.js'
import { Network } from '../../../../src/network/network.js'
import { Debts } from '../../../../src/payment/debts.js'
import { Ledger } from '../../../../src/payment/ledger.js'
import { Payments } from '../../../../src/payment/payments.js'
import { exchangeCounters } from '../../../../src/storage/lease/counters.js'
import { Leases } from '../../../../src/storage/lease/leases.js'
import { person } from '../../../samples/people.js'
import type { Person } from '../../../samples/people.js'
import { FakeWallet, checkInvoice, readInvoice } from '../../../doubles/fake-wallet.js'
import { moneyStateOf } from '../../../world/gate/money-state.js'
import type { MoneyState } from '../../../world/gate/trader-protocol.js'
import { RESOURCES } from '../../../parts/deal/sides.js'
import type { FaultyWire } from './faulty-wire.js'
import { faultLog } from '../../../doubles/fault-log.js'

/** Sees each connection before the deals do. */
type Wire = Pick<FaultyWire, 'tap'>

/** The parts of one side of a deal, put together as in a node, around a fake wallet. */
export class DealSide {
  readonly who: Person
  readonly dir: string
  readonly wallet: FakeWallet
  readonly store: Store
  readonly network: Network
  readonly deals: Deals
  readonly payments: Payments
  readonly leases: Leases
  readonly debts: Debts
  readonly faults: unknown[] = []
  readonly log = faultLog(error => this.faults.push(error))

  private constructor(
    dir: string,
    bootstrap: Address[],
    who: Person,
    { wallet, wire, now }: { wallet: FakeWallet; wire: Wire; now: () => number }
  ) {
    this.dir = dir
    this.who = who
    this.wallet = wallet
    this.store = storeIn(join(dir, 'store'))
    this.network = new Network({ keyPair: who.device, bootstrap })
    const self = { ...who, lightning: wallet.nodeId, network: wallet.network }
    const { store, network, log } = this
    this.deals = new Deals({ self, resources: RESOURCES, store, connector: network, log, now })
    const ledger = new Ledger(store, 'ledger')
    const secret = randomBytes(32)
    this.payments = new Payments({ ledger, wallet, checkInvoice, readInvoice, secret, log, now })
    this.leases = new Leases(store)
    this.debts = new Debts(store, ledger)
    exchangeCounters({
      deals: this.deals,
      leases: this.leases,
      ledger,
      onforgotten: (_peer, forgotten) =>
        Promise.reject(new Error(`${forgotten.length} leases are behind their counters`))
    })
    network.on('connection', (stream: NoiseStream) => {
      wire.tap(stream)
      this.deals.attach(stream)
    })
  }

  /** `name` tells its Lightning node from others; `now` is its clock, ms since 1970. */
  static async open(
    dir: string,
    bootstrap: Address[],
    name: number,
    wire: Wire,
    now: () => number = Date.now
  ): Promise<DealSide> {
    await mkdir(dir, { recursive: true })
    const [who] = await person()
    const wallet = new FakeWallet(name)
    wallet.now = now
    const side = new DealSide(dir, bootstrap, who!, { wallet, wire, now })
    await side.store.ready()
    await side.payments.ready()
    await side.deals.ready()
    await side.network.ready()
    return side
  }

  async look(): Promise<MoneyState> {
    const { payments, leases, debts, wallet } = this
    return moneyStateOf({ payments, storage: { leases, debts }, wallet })
  }

  async close(): Promise<void> {
    await this.deals.close()
    await this.network.close()
    await this.payments.close()
    await this.store.close()
  }
}
