import { randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import createTestnet from 'hyperdht/testnet.js'
import ProtomuxRPC from 'protomux-rpc'
import { parseKey } from '../../contracts/keys/key.js'
import { PUBLIC_READ } from '../../contracts/keys/read-key.js'
import { SAT } from '../../contracts/money/money.js'
import { DAY, MIB } from '../../contracts/money/quantity.js'
import { setUp } from '../../src/daemon/setup.js'
import { Home } from '../../src/identity/home.js'
import { openNode } from '../../src/node/node.js'
import { BuyerLease } from '../../src/storage/buyer/buyer-lease.js'
import { askQuote, termsOf } from '../../src/storage/buyer/lease-terms.js'
import { median, quantile } from '../figure.js'
import type { Bench, Figure } from '../figure.js'
import { ECHO } from './seller.js'
import type { Sold, SellerOrder } from './seller.js'
import { Actor, inFolder } from '../stage.js'

/** Quote, agree and strip: each is one round trip; agree and strip are on disk on both sides before they are sent. */
const ROUNDS = 3
const WRITES = 2 * 2
const LIMIT = 30_000
const FEE = 10n * SAT

/** Time from the request for a quote to the signed agreement (invoices checked and bound), and to the first payment. */
export const dealBench: Bench = {
  name: 'deal',
  about: 'quote to signed agreement to first paid installment',
  async run({ quick, say }) {
    const deals = quick ? 5 : 50
    return inFolder(async folder => {
      const net = await createTestnet(3)
      const { bootstrap } = net
      const order: SellerOrder = { home: join(folder, 'seller'), bootstrap }
      const seller = new Actor('storage/seller', order)
      try {
        const sold = await seller.hear<Sold>()
        await setUp({ home: join(folder, 'buyer') })
        const home = await Home.open(join(folder, 'buyer'))
        const node = await openNode({ home, bootstrap, serve: false })
        try {
          const context = { onProgress: () => undefined, signal: new AbortController().signal }
          await node.call('market.join', { key: sold.market }, context)
          return await measure({ node, seller, sold, count: deals, scratch: join(folder, 'scratch'), say })
        } finally {
          await node.close()
        }
      } finally {
        await seller.end()
        await net.destroy()
      }
    })
  }
}

interface Measuring {
  node: Awaited<ReturnType<typeof openNode>>
  seller: Actor
  sold: Sold
  count: number
  /** A file to write to. */
  scratch: string
  say: (what: string) => void
}

async function measure({ node, seller, sold, count, scratch, say }: Measuring): Promise<Figure[]> {
  const { deals, wallet, storage } = await node.trade()
  const { context } = storage
  const device = parseKey(sold.device, 'device')
  const market = parseKey(sold.market, 'market')
  const signed: number[] = []
  const paid: number[] = []
  const rounds: number[] = []
  const bare: number[] = []
  const file = await open(scratch, 'w')
  let first = 0
  for (let i = -1; i < count; i++) {
    const begun = performance.now()
    const channel = await deals.open(device)
    const core = { key: randomBytes(32), length: 64, byteLength: 16 * MIB }
    const quoted = await askQuote(deals, channel, {
      market,
      ask: parseKey(sold.ask, 'ask'),
      revision: 1,
      price: BigInt(sold.price),
      cores: [core],
      time: 365 * DAY,
      firstInstallmentMsat: 5n * SAT,
      aheadMsat: 20_000n * SAT,
      offer: null,
      maxPrice: null,
      minChargeMsat: SAT,
      minGrace: 0,
      timeoutMs: LIMIT
    })
    const copy = await BuyerLease.agree(
      context,
      channel,
      termsOf(deals, quoted, { cores: [core], readKey: PUBLIC_READ }),
      ''
    )
    const agreed = performance.now()
    await copy.reach(copy.nextMsat!)
    const { msat } = await copy.commit()
    const ended = performance.now()
    if (i < 0) {
      first = ended - begun
      continue // it opened the connection and the channel
    }
    signed.push(agreed - begun)
    paid.push(ended - begun)

    const echo = new ProtomuxRPC(channel.stream, { protocol: ECHO })
    await echo.request('echo', Buffer.alloc(512)) // opens the channel
    const asked = performance.now()
    for (let round = 0; round < ROUNDS; round++) await echo.request('echo', Buffer.alloc(512))
    for (let write = 0; write < WRITES; write++) {
      await file.write(Buffer.alloc(512))
      await file.datasync()
    }
    rounds.push(performance.now() - asked)
    echo.destroy()
    seller.tell({ msat: msat.toString() })
    const { invoice } = await seller.hear<{ invoice: string }>()
    const sent = performance.now()
    const { status } = await wallet.pay(invoice, { maxFeeMsat: FEE, timeoutMs: LIMIT })
    if (status !== 'succeeded') throw new Error(`the bare payment is ${status}`)
    bare.push(performance.now() - sent)
  }
  await file.close()
  say(`the first deal, with connection and channel, took ${first.toFixed(0)} ms`)
  const figure = (
    name: string,
    share: number,
    values: number[],
    about: string,
    baseline: number[]
  ): Figure => ({
    name: `${name}, ${share === 0.5 ? 'median' : 'p95'}`,
    measured: quantile(values, share),
    unit: 'ms',
    baseline: { name: `${about}, median`, value: median(baseline) },
    note: `${count} deals one after another, connected, channel open`
  })
  const trips = `${ROUNDS} bare round trips on the same connection and ${WRITES} small writes to disk`
  const both = rounds.map((ms, i) => ms + bare[i]!)
  return [
    figure('quote to agreement', 0.5, signed, trips, rounds),
    figure('quote to agreement', 0.95, signed, trips, rounds),
    figure(
      'quote to first paid installment',
      0.5,
      paid,
      `${trips}, and a bare payment of the same amount`,
      both
    ),
    figure(
      'quote to first paid installment',
      0.95,
      paid,
      `${trips}, and a bare payment of the same amount`,
      both
    )
  ]
}
