import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { NoiseStream } from 'hyperdht'
import { Deals } from '../../../src/deal/deals.js'
import { Facts } from '../../../src/store/facts.js'
import type { Address } from '../../../src/network/network.js'
import { Network } from '../../../src/network/network.js'
import { Debts } from '../../../src/payment/debts.js'
import { Ledger } from '../../../src/payment/ledger.js'
import { Payments } from '../../../src/payment/payments.js'
import { exchangeCounters } from '../../../src/storage/lease/counters.js'
import { Leases } from '../../../src/storage/lease/leases.js'
import { person } from '../../contracts/people.js'
import type { Person } from '../../contracts/people.js'
import { Purse, checkInvoice, readInvoice } from '../../payment/purse.js'
import { lookAt } from '../look.js'
import type { Look } from '../orders.js'
import type { Wire } from './wire.js'

/** The parts of one side of a deal, put together as in a node, around a fake wallet. */
export class Party {
  readonly who: Person
  readonly dir: string
  readonly purse: Purse
  readonly facts: Facts
  readonly network: Network
  readonly deals: Deals
  readonly payments: Payments
  readonly leases: Leases
  readonly debts: Debts
  readonly faults: unknown[] = []
  readonly onfault = (error: unknown): void => void this.faults.push(error)

  private constructor(dir: string, bootstrap: Address[], who: Person, purse: Purse, wire: Wire) {
    this.dir = dir
    this.who = who
    this.purse = purse
    this.facts = new Facts(join(dir, 'facts'))
    this.network = new Network({ keyPair: who.device, bootstrap })
    const self = { ...who, lightning: purse.nodeId, network: purse.network }
    const { facts, network, onfault } = this
    this.deals = new Deals({ self, facts, connector: network, onfault })
    const ledger = new Ledger(join(dir, 'ledger'))
    const secret = randomBytes(32)
    this.payments = new Payments({ ledger, wallet: purse, checkInvoice, readInvoice, secret, onfault })
    this.leases = new Leases(facts)
    this.debts = new Debts(facts, ledger)
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

  static async open(dir: string, bootstrap: Address[], name: number, wire: Wire): Promise<Party> {
    await mkdir(dir, { recursive: true })
    const [who] = await person()
    const party = new Party(dir, bootstrap, who!, new Purse(name), wire)
    await party.facts.ready()
    await party.payments.ready()
    await party.deals.ready()
    await party.network.ready()
    return party
  }

  async look(): Promise<Look> {
    const { payments, leases, debts, purse } = this
    return lookAt({ payments, storage: { leases, debts }, wallet: purse })
  }

  async close(): Promise<void> {
    await this.deals.close()
    await this.network.close()
    await this.payments.close()
    await this.facts.close()
  }
}
