import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import type { NoiseStream } from 'hyperdht'
import type { CoreLimit, Seal, SealedCore, Terms } from '#spec'
import { parseKey } from '../../../contracts/keys/key.js'
import { PUBLIC_READ } from '../../../contracts/keys/read-key.js'
import { sign } from '../../../contracts/keys/signature.js'
import { agreementId } from '../../../contracts/terms.js'
import { DAY } from '../../../contracts/money/quantity.js'
import { askQuote, requestCountersign, termsOf } from '../../../src/storage/buyer/lease-terms.js'
import type { SignedTerms } from '../../../src/storage/buyer/lease-terms.js'
import type { DealChannel } from '../../../src/deal/channel.js'
import { Deals } from '../../../src/deal/deals.js'
import type { Store } from '../../../src/store/store.js'
import { storeIn } from '../store/store-in.js'
import { checkInvoice } from '../../../src/lightning/invoice.js'
import { linkLightning } from '../../../src/lightning/backends/play/link.js'
import { PLAY_NETWORK } from '../../../src/lightning/backends/play/network.js'
import { PlayWallet } from '../../../src/lightning/backends/play/wallet.js'
import { Network } from '../../../src/network/network.js'
import type { Address } from '../../../src/network/network.js'
import { Ledger } from '../../../src/payment/ledger.js'
import type { Payment } from '../../../src/payment/ledger.js'
import { Payments } from '../../../src/payment/payments.js'
import { sealOf } from '../../../src/storage/lease/audit.js'
import { attachCore, openStore } from '../../../src/network/cores.js'
import { person } from '../../samples/orders.js'
import type { Person } from '../../samples/orders.js'
import { InvoiceForger } from './invoice-forger.js'
import { RESOURCES } from '../deal/sides.js'
import { faultLog } from '../../doubles/fault-log.js'

/** An offer as on the book. */
export interface Offer {
  market: string
  id: string
  device: string
  /** msat per TiB and 30 days. */
  price: bigint
}

export interface RogueBuyerOptions {
  dir: string
  bootstrap: Address[]
  /** Gives it a wallet, to pay what is needed before it cheats. */
  paying?: boolean
  now?: () => number
}

/** A buyer that takes each step of a deal by hand, so that a test can replace any step. */
export class RogueBuyer {
  readonly who: Person
  readonly network: Network
  readonly faults: unknown[] = []
  readonly #store: Store
  readonly #cores: Corestore
  readonly #wallet: PlayWallet | null
  deals!: Deals
  #payments: Payments | null = null

  private constructor({ dir, bootstrap, paying }: RogueBuyerOptions, who: Person) {
    this.who = who
    this.network = new Network({ keyPair: who.device, bootstrap })
    this.#store = storeIn(join(dir, 'store'))
    this.#cores = openStore(join(dir, 'cores'))
    this.#wallet = paying ? new PlayWallet({ dir: join(dir, 'wallet') }) : null
    const secret = randomBytes(32)
    const log = faultLog(error => this.faults.push(error))
    const ledger = new Ledger(this.#store, 'ledger')
    if (this.#wallet)
      this.#payments = new Payments({ ledger, wallet: this.#wallet, checkInvoice, secret, log })
  }

  static async open(options: RogueBuyerOptions): Promise<RogueBuyer> {
    await mkdir(options.dir, { recursive: true })
    const buyer = new RogueBuyer(options, await person())
    await buyer.#open(options.now)
    return buyer
  }

  async #open(now = Date.now): Promise<void> {
    await this.#store.ready()
    await this.#wallet?.ready()
    await this.#payments?.ready()
    const lightning = this.#wallet?.nodeId ?? new InvoiceForger().nodeId
    const self = { ...this.who, lightning, network: PLAY_NETWORK }
    const log = faultLog(error => this.faults.push(error))
    this.deals = new Deals({
      self,
      resources: RESOURCES,
      store: this.#store,
      connector: this.network,
      log,
      now
    })
    await this.deals.ready()
    this.network.on('connection', (stream: NoiseStream) => {
      if (this.#wallet) linkLightning(stream, this.#wallet)
      this.deals.attach(stream)
    })
    await this.network.ready()
  }

  async close(): Promise<void> {
    await this.deals.close()
    await this.network.close()
    await this.#payments?.close()
    await this.#wallet?.close()
    await this.#store.close()
    await this.#cores.close()
  }

  /** Its payments; only of a buyer that is `paying`. */
  get payments(): Payments {
    return this.#payments!
  }

  channel(offer: Offer): Promise<DealChannel> {
    return this.deals.open(parseKey(offer.device))
  }

  /** A core with these blocks. */
  async core(...blocks: Buffer[]): Promise<Hypercore> {
    const core = this.#cores.get({ name: randomBytes(8).toString('hex') })
    await core.ready()
    await core.append(blocks)
    return core
  }

  /** Signed terms for a quote, changed by `twist`. */
  async terms(
    offer: Offer,
    cores: CoreLimit[],
    twist: (terms: Terms) => Partial<Terms> = () => ({})
  ): Promise<SignedTerms> {
    const channel = await this.channel(offer)
    const quoted = await askQuote(this.deals, channel, {
      market: parseKey(offer.market),
      ask: parseKey(offer.id),
      revision: 1,
      price: offer.price,
      offer: null,
      maxPrice: null,
      minChargeMsat: 1000n,
      cores,
      time: 30 * DAY,
      firstInstallmentMsat: 5000n,
      aheadMsat: 20_000_000n,
      minGrace: 0,
      timeoutMs: 10_000
    })
    const { terms, quote } = termsOf(this.deals, quoted, { cores, readKey: PUBLIC_READ })
    const twisted = { ...terms, ...twist(terms) }
    return { quote, terms: twisted, signature: sign('terms', twisted, this.who.device) }
  }

  /** An agreement that the provider has countersigned and that is not paid. */
  async agree(...args: Parameters<RogueBuyer['terms']>): Promise<Purchase> {
    const agree = await this.terms(...args)
    const channel = await this.channel(args[0])
    const { list } = await requestCountersign(channel, agree, 10_000)
    const id = agreementId(agree.terms)
    const { invoices } = await channel.request('strip', { agreement: id, from: 0 })
    const payee = agree.terms.provider.lightning!
    await this.#payments?.bind(list, invoices, payee)
    return { id, agree, channel, reach: async () => void (await this.#payments!.reach(payee, 500_000n)) }
  }

  /** Pays an installment as the product does. */
  async pay({ id, channel, reach }: Purchase, installment = 0): Promise<Payment> {
    await reach()
    const payment = await this.#payments!.pay(id, installment)
    await channel.request('paid', { agreement: id, installment, preimage: payment.preimage! })
    return payment
  }

  /** An agreement whose first installment is paid. */
  async buy(...args: Parameters<RogueBuyer['terms']>): Promise<Purchase> {
    const purchase = await this.agree(...args)
    await this.pay(purchase)
    return purchase
  }

  /** Offers cores for upload and waits until the provider has this many blocks. Rejects with its decline. */
  async upload({ id, channel }: Purchase, cores: Hypercore[], blocks: number): Promise<void> {
    for (const core of cores) attachCore(core, channel.stream)
    for (;;) {
      const progress = await channel.request('progress', { agreement: id })
      if (progress.blocks >= blocks) return
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  /** The provider's answer to a seal of these cores. */
  async seal(
    { id, channel }: Purchase,
    cores: SealedCore[],
    signer = this.who.device
  ): Promise<{ seal: Seal; paidUntil: number }> {
    const seal = { agreement: id, cores }
    const { stored } = await channel.request('seal', { seal, signature: sign('seal', seal, signer) })
    return { seal, paidUntil: stored.paidUntil }
  }
}

export interface Purchase {
  id: Buffer
  agree: SignedTerms
  channel: DealChannel
  reach: () => Promise<void>
}

/** The limit of a core at its current size. */
export function limitOf(core: Hypercore, change: Partial<CoreLimit> = {}): CoreLimit {
  return { key: core.key, length: core.length, byteLength: core.byteLength, ...change }
}

export { sealOf }
