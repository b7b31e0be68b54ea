import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import type { Order } from '#spec'
import { spotsOf } from '../../../contracts/evidence/audit-token.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { SAT } from '../../../contracts/money/money.js'
import { DAY, GIB, HOUR } from '../../../contracts/money/quantity.js'
import { SIDE, orderId } from '../../../contracts/order.js'
import { encode } from '../../../contracts/schema/codec.js'
import { Provider } from '../../../src/deal/negotiation/provider.js'
import type { Address } from '../../../src/network/network.js'
import type { BookedAsk } from '../../../src/storage/buyer/placing/seller-search.js'
import { LeaseManager } from '../../../src/storage/provider/lease-manager.js'
import { DEFAULT_POLICY, StorageSelling } from '../../../src/storage/provider/selling.js'
import { storage } from '../../../src/storage/resource.js'
import { LeaseShelf } from '../../../src/storage/shelf/lease-shelf.js'
import { DealSide } from '../../integration/gate/pair/deal-side.js'

const MARKET = Buffer.alloc(32, 1)
const TERM = { minTime: HOUR, maxTime: 400 * DAY }

/** Part of the ciphertext of a core that is lost. */
interface Loss {
  core: number
  from: number
  to: number
}

/** A provider with its shelf and one ask, by a clock that the test sets. */
export class ProviderNode {
  readonly side: DealSide
  readonly shelf: LeaseShelf
  readonly leaseManager: LeaseManager
  readonly #order: Order
  #loss: Loss | null = null
  #isSilent = false

  private constructor(side: DealSide, now: () => number, price: bigint) {
    this.side = side
    this.shelf = new LeaseShelf({ folder: join(side.dir, 'shelf'), margin: 0 })
    const { deals, payments, leases, debts, log } = side
    this.leaseManager = new LeaseManager({
      ...{ deals, payments, leases, debts, log, now, shelf: this.shelf },
      canReceive: async () => true,
      announcer: { join: () => null, leave: async () => undefined }
    })
    const { identity, device } = side.who
    this.#order = {
      ...{ market: MARKET, nonce: randomBytes(32), revision: 1, side: SIDE.ask, resource: storage.id, price },
      ...{ network: side.wallet.network, created: now(), expires: now() + 400 * DAY, withdrawn: false },
      ...{ identity, device: device.publicKey },
      body: encode('storage-ask', { ...TERM, space: GIB, minChargeMsat: SAT, region: '' })
    }
    new Provider({
      deals,
      quoteFor: DEFAULT_POLICY.quoteFor,
      ask: id => (id.equals(orderId(this.#order)) ? { order: this.#order, floor: price } : null)
    }).serve(
      storage,
      new StorageSelling({ self: deals.self, policy: DEFAULT_POLICY, desk: this.leaseManager })
    )
    this.#spoil()
  }

  static async open(
    dir: string,
    bootstrap: Address[],
    { name, now, price }: { name: number; now: () => number; price: bigint }
  ): Promise<ProviderNode> {
    const side = await DealSide.open(dir, bootstrap, name, { tap: () => undefined }, now)
    const node = new ProviderNode(side, now, price)
    await node.shelf.ready()
    await node.leaseManager.ready()
    side.network.serveCores((key, stream) => node.leaseManager.serve(key, stream))
    await side.network.listen()
    return node
  }

  /** Its ask as a buyer reads it. */
  get booked(): BookedAsk {
    const { identity, device, price, revision } = this.#order
    const limits = { ...TERM, space: GIB, minChargeMsat: SAT }
    return {
      id: orderId(this.#order),
      identity: identity!,
      device: device!,
      price: price!,
      revision,
      ...limits
    }
  }

  /** From now on a part of what it keeps is lost; a silent one then answers no audit that asks for it. */
  lose(loss: Loss, { silent = false } = {}): void {
    this.#loss = loss
    this.#isSilent = silent
  }

  async close(): Promise<void> {
    await this.leaseManager.close()
    await this.side.close()
    await this.shelf.close()
  }

  /** Has the shelf lack what is lost. */
  #spoil(): void {
    const [tags, proofs] = [this.shelf.tags.bind(this.shelf), this.shelf.proofs.bind(this.shelf)]
    const lacks = async (): Promise<never> => {
      if (this.#isSilent) throw new Error('it does not answer')
      throw new BushelError('BLOCK_MISSING', 'a block is not in the store')
    }
    this.shelf.tags = async (id, token, sealed) => {
      const sizes = sealed.map(({ byteLength }) => byteLength)
      const isHit = spotsOf(token.key, token, sizes).some(spot => this.#isLost(spot))
      return isHit ? lacks() : tags(id, token, sealed)
    }
    this.shelf.proofs = async (id, blocks) => {
      const found = await proofs(id, blocks)
      const { cores } = this.shelf.leases.find(lease => lease.id === id)!
      const isHit = blocks.some(({ core, index }) => {
        const { length, byteLength } = cores[core]!
        return this.#isLost({ core, offset: (index * byteLength) / length })
      })
      return isHit ? lacks() : found
    }
  }

  #isLost({ core, offset }: { core: number; offset: number }): boolean {
    const lost = this.#loss
    return lost !== null && lost.core === core && offset >= lost.from && offset < lost.to
  }
}
