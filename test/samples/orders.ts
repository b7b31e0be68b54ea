import crypto from 'hypercore-crypto'
import type { Order } from '#spec'
import { encode } from '../../contracts/schema/codec.js'
import { SIDE, signOrder } from '../../contracts/order.js'
import { DAY, GIB, HOUR } from '../../contracts/money/quantity.js'
import { person as withDevices } from './people.js'
import type { Person } from './people.js'

export const NETWORK = 'play'
export const GIB_MONTH = 1024n * 1000n

export type { Person }

/** An identity with one device. */
export async function person(): Promise<Person> {
  const [one] = await withDevices()
  return one!
}

export function ask(author: Person, market: Buffer, values: Partial<Order> = {}): Order {
  const now = Date.now()
  return {
    market,
    nonce: crypto.randomBytes(32),
    revision: 1,
    side: SIDE.ask,
    resource: 'storage',
    network: NETWORK,
    price: 25n * GIB_MONTH,
    created: now,
    expires: now + DAY,
    withdrawn: false,
    identity: author.identity,
    device: author.device.publicKey,
    body: encode('storage-ask', {
      space: 500 * GIB,
      minTime: HOUR,
      maxTime: 365 * DAY,
      minChargeMsat: 0n,
      region: 'eu'
    }),
    ...values
  }
}

export function bid(author: Person, market: Buffer, values: Partial<Order> = {}): Order {
  const body = encode('storage-bid', { bytes: GIB, blocks: 4096, time: 30 * DAY, copies: 3 })
  return ask(author, market, { side: SIDE.bid, body, ...values })
}

/** The next revision of an order. */
export function revised(order: Order, values: Partial<Order> = {}): Order {
  return { ...order, revision: order.revision + 1, ...values }
}

export const withdrawn = (order: Order): Order => revised(order, { withdrawn: true, body: Buffer.of(0) })

/** A signed record with a stamp of the strength that the market demands. */
export async function signed(
  author: Person,
  order: Order,
  market: { stampFor(order: Order): { tick: number; bits: number } }
): Promise<Buffer> {
  return await signOrder(order, author, market.stampFor(order))
}
