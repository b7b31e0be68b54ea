import crypto from 'hypercore-crypto'
import HyperDHT from 'hyperdht'
import type { Order } from '#spec'
import { DAY, GIB, HOUR } from '../../contracts/money/quantity.js'
import { SIDE, signOrder } from '../../contracts/order.js'
import { encode } from '../../contracts/schema/codec.js'
import { DEFAULT_RULES, marketRules, revisionBits } from '../../src/book/view/rules.js'
import { bareChannel } from '../../test/parts/book/bare-channel.js'
import { person } from '../../test/samples/people.js'
import type { RelayOrder, RelayReady } from './relay.js'
import { answer, orderOf } from '../stage.js'

// A stranger who signs orders and revises them, each handed in alone, and tells what that costs it.

export interface AuthorOrder extends Pick<RelayOrder, 'bootstrap'>, RelayReady {
  orders: number
}

export interface AuthorCost {
  /** Processor time, ms. */
  cpu: number
  handedIn: number
  refused: number
}

const { bootstrap, orders, ...relay } = orderOf<AuthorOrder>()
const market = Buffer.from(relay.market, 'hex')
const [self] = await person()
const dht = new HyperDHT({ bootstrap, host: '127.0.0.1', firewalled: false })
const stream = dht.connect(Buffer.from(relay.device, 'hex'), { keyPair: self!.device })
stream.on('error', () => stream.destroy())
await stream.opened
const channel = await bareChannel(stream, market)
const created = Date.now()
const stamp = { tick: created, bits: DEFAULT_RULES.stampBits }
const AGAIN = revisionBits(marketRules(Buffer.alloc(32), 'bench'))
const body = encode('storage-ask', {
  space: 100 * GIB,
  minTime: HOUR,
  maxTime: 365 * DAY,
  minChargeMsat: 0n,
  region: 'eu'
})
const standing: Order[] = Array.from({ length: orders }, (_, i) => ({
  market,
  nonce: crypto.randomBytes(32),
  revision: 0,
  side: SIDE.ask,
  resource: 'storage',
  network: 'play-1',
  price: 1_000_000n + BigInt(i),
  created,
  expires: created + DAY,
  withdrawn: false,
  identity: self!.identity,
  device: self!.device.publicKey,
  body
}))

/** Hands in the next revision of an order, alone; false when it is refused. */
async function revise(i: number): Promise<boolean> {
  const next = { ...standing[i]!, revision: standing[i]!.revision + 1, price: standing[i]!.price + 7n }
  standing[i] = next
  const bits = stamp.bits + (next.revision > 1 ? AGAIN : 0)
  const { code } = await channel.submit(await signOrder(next, self!, { ...stamp, bits }))
  return code === 'OK'
}

process.on('message', async (round: { of: number; times: number }) => {
  const begun = process.cpuUsage()
  let refused = 0
  let handedIn = 0
  for (let time = 0; time < round.times && !channel.closed; time++) {
    for (let i = 0; i < round.of && !channel.closed; i++) {
      handedIn++
      if (!(await revise(i).catch(() => false))) refused++
    }
  }
  const { user, system } = process.cpuUsage(begun)
  answer({ cpu: (user + system) / 1000, handedIn, refused } satisfies AuthorCost)
})
answer({})
