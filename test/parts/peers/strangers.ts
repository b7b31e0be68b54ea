import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import Corestore from 'corestore'
import type { NoiseStream } from 'hyperdht'
import { parseKey } from '../../../contracts/keys/key.js'
import { encode } from '../../../contracts/schema/codec.js'
import { Network } from '../../../src/network/network.js'
import type { World } from '../../world/world.js'
import { addressOf } from './buyers.js'
import type { Offer } from './rogue-buyer.js'
import { person } from '../../samples/orders.js'

/** A connection to the provider on which nothing was sent. */
export async function stranger(
  t: Pick<TestContext, 'after'>,
  world: World,
  { device }: Offer
): Promise<NoiseStream> {
  const network = new Network({ keyPair: (await person()).device, bootstrap: addressOf(world) })
  t.after(() => network.close())
  await network.ready()
  return network.connect(parseKey(device), 10_000)
}

/** How many of the first blocks of a core a reader gets until no more come. */
export async function read(
  world: World,
  offer: Offer,
  key: Buffer,
  name: string,
  length: number
): Promise<number> {
  const network = new Network({ keyPair: (await person()).device, bootstrap: addressOf(world) })
  const store = new Corestore(world.at(name))
  try {
    await network.ready()
    const core = store.get({ key })
    await core.ready()
    core.replicate(await network.connect(parseKey(offer.device), 10_000))
    let got = 0
    core.on('download', () => got++)
    await Promise.allSettled(Array.from({ length }, (_, i) => core.get(i, { timeout: 4000 })))
    return got
  } finally {
    await network.close()
    await store.close()
  }
}

/** A request as the deal protocol frames it. */
export function wrapped(name: 'strip-request', body: { agreement: Buffer; from: number }): Buffer {
  return encode('request', { id: randomBytes(32), body: encode(name, body) })
}

/** Resolves when the connection has closed. */
export function closing(stream: NoiseStream): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the connection stays')), 20_000)
    stream.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
