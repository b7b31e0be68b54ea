import { randomBytes } from 'node:crypto'
import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import ProtomuxRPC from 'protomux-rpc'
import type { Order } from '#spec'
import { parseKey } from '../../../contracts/keys/key.js'
import { HOUR } from '../../../contracts/money/quantity.js'
import { signOrder } from '../../../contracts/order.js'
import { decode, encode } from '../../../contracts/schema/codec.js'
import { MAX_RECORDS } from '../../../contracts/schema/counts.js'
import { FAKE_BODIES } from '../../../test/parts/book/fake-asks.js'
import { ask, person, revised, withdrawn } from '../../../test/samples/orders.js'
import type { Person } from '../../../test/samples/orders.js'
import type { Attack } from './connection-attacks.js'
import { delay } from './ground.js'
import type { Ground, Target } from './ground.js'

/** Bits that the default rules ask for. */
const STAMP_BITS = 12
/** Of an offer that nobody takes, msat per TiB and 30 days. */
const DEAR = 10n ** 15n
const TIMEOUT = 60_000
/** How long a device stays that never answers, ms. */
const SILENT_FOR = 45_000

export type FakeResource = keyof typeof FAKE_BODIES

/** The cheapest offer that there can be, of somebody who is not there. */
function fake(author: Person, market: Buffer, resource: FakeResource = 'storage'): Order {
  const expires = Date.now() + 2 * HOUR
  return ask(author, market, { network: 'play-1', price: 1n, expires, resource, body: FAKE_BODIES[resource] })
}

function sign(order: Order, author: Person, bits: number): Promise<Buffer> {
  return signOrder(order, author, { tick: Date.now() - 30_000, bits })
}

/** A connection over which a stranger submits records to a relay. */
export class Submitter {
  readonly #rpc: ProtomuxRPC
  readonly #market: Buffer
  readonly #bits: number
  readonly close: () => void

  private constructor(rpc: ProtomuxRPC, market: Buffer, bits: number, close: () => void) {
    this.#rpc = rpc
    this.#market = market
    this.#bits = bits
    this.close = close
  }

  static async open(
    ground: Ground,
    target: Target,
    bits = STAMP_BITS,
    device = crypto.keyPair()
  ): Promise<Submitter> {
    const stream = await ground.dial(target, device)
    const market = parseKey(target.market)
    const rpc = new ProtomuxRPC(stream, {
      protocol: 'bushel/book',
      id: crypto.discoveryKey(market),
      handshake: encode('book-hello', { version: 1, writer: randomBytes(32) })
    })
    rpc.on('error', () => undefined)
    return new Submitter(rpc, market, bits, () => stream.destroy())
  }

  fake(author: Person): Order {
    return fake(author, this.#market)
  }

  sign(order: Order, author: Person): Promise<Buffer> {
    return sign(order, author, this.#bits)
  }

  /** The codes of the verdicts. */
  async submit(orders: Buffer[]): Promise<string[]> {
    const value = encode('order-submission', { orders })
    const answer = await this.#rpc.request('submit', value, { timeout: TIMEOUT })
    return decode('order-verdicts', answer).verdicts.map(({ code }) => code)
  }
}

export interface FakeAsks {
  /** Of each resource. */
  count: number
  resources: FakeResource[]
  /** That each stamp has. */
  bits: number
}

/** Puts as many fake asks on the book, each of an identity of its own. */
export async function fakeAsks(
  ground: Ground,
  target: Target,
  { count, resources, bits }: FakeAsks
): Promise<void> {
  const market = parseKey(target.market)
  let batch: Buffer[] = []
  for (let i = 1; i <= count; i++) {
    const author = await person()
    for (const resource of resources) batch.push(await sign(fake(author, market, resource), author, bits))
    if (batch.length + resources.length <= MAX_RECORDS && i < count) continue
    // A connection that is silent while the stamps are made would be ended.
    const submitter = await Submitter.open(ground, target, bits)
    const codes = await submitter.submit(batch).finally(submitter.close)
    const refused = codes.find(code => code !== 'OK')
    if (refused) throw new Error(`a fake ask was refused: ${refused}`)
    batch = []
  }
}

/** Attacks on the book of a relay. */
export const BOOK_ATTACKS = {
  /** Offers of identities that are free, at the lowest price, some of which are revised and withdrawn again. */
  asks: async (ground, target) => {
    const submitter = await Submitter.open(ground, target)
    try {
      for (let i = 0; i < 8; i++) {
        const author = await person()
        const order = submitter.fake(author)
        await submitter.submit([await submitter.sign(order, author)])
        if (i % 2) continue
        const next = revised(order, { price: 2n })
        await submitter.submit([await submitter.sign(next, author)])
        await submitter.submit([await submitter.sign(withdrawn(next), author)])
      }
    } finally {
      submitter.close()
    }
  },

  /** The cheapest offers of a device that is there, takes every connection, and never says a word. */
  silent: async (ground, target) => {
    const author = await person()
    const held = new Set<NoiseStream>()
    const server = ground.dht.createServer({}, stream => {
      stream.on('error', () => undefined)
      stream.resume()
      held.add(stream)
      stream.once('close', () => held.delete(stream))
    })
    await server.listen(author.device)
    try {
      const submitter = await Submitter.open(ground, target, STAMP_BITS, author.device)
      for (const resource of ['storage', 'compute'] as const)
        await submitter.submit([
          await submitter.sign(fake(author, parseKey(target.market), resource), author)
        ])
      await delay(SILENT_FOR)
      submitter.close()
    } finally {
      for (const stream of held) stream.destroy()
      await server.close()
    }
  },

  /** Records that are none: garbage, forged, without a stamp, of another market, sent twice. */
  records: async (ground, target) => {
    const submitter = await Submitter.open(ground, target)
    try {
      const author = await person()
      const good = await submitter.sign({ ...submitter.fake(author), price: DEAR }, author)
      const forged = Buffer.from(good)
      forged[good.byteLength - 20]! ^= 1
      const bare = await signOrder(submitter.fake(author), author, { tick: Date.now(), bits: 0 })
      for (let i = 0; i < 40; i++) {
        await submitter.submit([randomBytes(200), forged, bare, good, randomBytes(1 + i * 40)])
        await delay(20)
      }
    } finally {
      submitter.close()
    }
  }
} as const satisfies Record<string, Attack>
