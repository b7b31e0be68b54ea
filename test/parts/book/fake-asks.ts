import crypto from 'hypercore-crypto'
import { GIB, HOUR, DAY } from '../../../contracts/money/quantity.js'
import { SIDE } from '../../../contracts/order.js'
import { encode } from '../../../contracts/schema/codec.js'
import type { Market } from '../../../src/book/market.js'
import { FUEL_VERSION } from '../../../src/compute/fuel/meter.js'
import { signed } from '../../samples/orders.js'
import { person } from '../../samples/people.js'

const AT_ONCE = 100

/** What offers of nobody hold out, by resource. */
export const FAKE_BODIES = {
  storage: encode('storage-ask', {
    space: 1000 * GIB,
    minTime: HOUR,
    maxTime: 365 * DAY,
    minChargeMsat: 1n,
    region: ''
  }),
  compute: encode('compute-ask', {
    ...{ cores: 64, memory: 64 * GIB, isolation: 'bwrap', fuel: FUEL_VERSION, baseMsat: 1n, region: '' }
  })
}

type Goods = keyof typeof FAKE_BODIES

/**
 * Fills a market of which this node is a relay with asks at 1 msat, `count` for each of the resources, of as many
 * identities and devices that nobody runs.
 */
export async function fakeAsks(
  market: Market,
  resources: readonly Goods[],
  count: number,
  network: string
): Promise<void> {
  const created = Date.now()
  const publish = async (): Promise<void> => {
    const [author] = await person()
    for (const resource of resources) {
      const order = {
        market: market.key,
        nonce: crypto.randomBytes(32),
        revision: 1,
        side: SIDE.ask,
        resource,
        network,
        price: 1n,
        created,
        expires: created + DAY,
        withdrawn: false,
        identity: author!.identity,
        device: author!.device.publicKey,
        body: FAKE_BODIES[resource]
      }
      await market.submit(await signed(author!, order, market))
    }
  }
  for (let i = 0; i < count; i += AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - i) }, publish))
}
