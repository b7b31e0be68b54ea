import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import { RefusalBudget } from '../../../src/book/budget.js'
import { MarketChannel, VERSION } from '../../../src/book/peers/channel.js'

/** The channel of a market on a connection to a relay, for a device without books; resolves when the relay has said hello. */
export async function bareChannel(stream: NoiseStream, market: Buffer): Promise<MarketChannel> {
  const nothing = (): void => undefined
  return new Promise((resolve, reject) => {
    const channel = new MarketChannel(stream, {
      id: crypto.discoveryKey(market),
      budget: new RefusalBudget(),
      hello: () => ({ version: VERSION, writer: Buffer.alloc(32) }),
      isRelay: () => true,
      judge: null,
      heads: () => [],
      viewHead: () => null,
      seenAgo: () => null,
      onhello: () => resolve(channel),
      onheads: nothing,
      onclose: () => reject(new Error('the relay closed the channel')),
      onsigned: nothing,
      oncutoff: nothing
    })
  })
}
