import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import crypto from 'hypercore-crypto'
import type { Quote, QuoteRequest, SignedQuote } from '#spec'
import { encode } from '../../../contracts/schema/codec.js'
import { MAX_MSAT } from '../../../contracts/money/money.js'
import { sign } from '../../../contracts/keys/signature.js'
import { agreementId } from '../../../contracts/terms.js'
import type { DealChannel } from '../../../src/deal/channel.js'
import type { Declined } from '../../../src/deal/decline.js'
import { askQuote, requestCountersign, termsOf } from '../../../src/storage/buyer/lease-terms.js'
import { DEFAULT_POLICY } from '../../../src/storage/provider/selling.js'
import { replyTable } from '../../../src/deal/tables.js'
import { GOODS, FakeSeller, NodeGroup, PRICE, agreementRequest } from '../../parts/deal/sides.js'
import type { Side } from '../../parts/deal/sides.js'

let group: NodeGroup

before(async () => {
  group = await NodeGroup.open()
})

after(() => group.close())

interface Pair {
  buyer: Side
  provider: Side
  seller: FakeSeller
  channel: DealChannel
}

async function pair(floor: bigint | null = null): Promise<Pair> {
  const [buyer, provider] = [await group.side(), await group.side()]
  const seller = new FakeSeller(provider)
  seller.floor = floor
  return { buyer, provider, seller, channel: await buyer.deals.open(provider.device) }
}

const half = PRICE / 2n

test('a provider with a floor comes down halfway, and the agreement is at the negotiated price', async () => {
  const { buyer, seller, channel } = await pair(half)
  const quoted = await askQuote(buyer.deals, channel, seller.request({ offer: half, maxPrice: PRICE }))
  // 1/2 is met by 3/4; 5/8 by 11/16; 21/32 is above the floor and taken in the last round.
  assert.deepEqual([quoted.quote.round, quoted.quote.price], [3, (PRICE * 21n) / 32n])
  const agree = termsOf(buyer.deals, quoted, GOODS)
  assert.equal(agree.terms.price, (PRICE * 21n) / 32n)
  await requestCountersign(channel, agree, 5_000)
  assert.equal(seller.agreements, 1)
})

test('a provider without a floor sells at its price, and a buyer whose highest price is lower leaves', async () => {
  const { buyer, seller, channel } = await pair()
  const taken = await askQuote(buyer.deals, channel, seller.request({ offer: half, maxPrice: PRICE }))
  assert.equal(taken.quote.price, PRICE)
  const asked = askQuote(buyer.deals, channel, seller.request({ offer: 1n, maxPrice: half }))
  // In the last round the offer is below the floor: a decline, after which no quote is left to take.
  await assert.rejects(asked, { code: 'PRICE_TOO_LOW', exit: 4 })
  const silent = askQuote(buyer.deals, channel, seller.request({ maxPrice: PRICE - 1n }))
  await assert.rejects(silent, { code: 'PRICE_TOO_LOW' })
})

test('a highest price that is the floor is reached in the last round', async () => {
  const { buyer, seller, channel } = await pair(half)
  const { quote } = await askQuote(buyer.deals, channel, seller.request({ offer: half / 4n, maxPrice: half }))
  assert.deepEqual([quote.round, quote.price], [3, half])
})

test('nothing that a peer is sent, and nothing in the log, names the floor', async () => {
  const floor = half + 12_345n
  const { provider, seller, channel } = await pair(floor)
  const named = (price: bigint): Buffer => {
    const amount = Buffer.alloc(8)
    amount.writeBigUInt64LE(price)
    return amount
  }
  for (const offer of [1n, half, floor - 1n]) {
    let last: SignedQuote | null = null
    for (let round = 1; round <= 2; round++) {
      last = await channel.request('quote', { ...seller.leastRequest(), offer, last })
      const bytes = encode('signed-quote', last)
      assert.ok(bytes.includes(named(last.quote.price)), 'a price would be found')
      assert.ok(!bytes.includes(named(floor)))
    }
    await assert.rejects(
      channel.request('quote', { ...seller.leastRequest(), offer, last }),
      ({ word, message }: Declined) => word === 'PRICE' && !message.includes(String(floor))
    )
  }
  assert.ok(
    !JSON.stringify(provider.lines, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v)).includes(
      String(floor)
    )
  )
})

test('a negotiation has three rounds and not one more', async () => {
  const { seller, channel } = await pair(1n)
  let last: SignedQuote | null = null
  for (let round = 1; round <= 3; round++) {
    last = await channel.request('quote', { ...seller.leastRequest(), offer: BigInt(round), last })
    assert.equal(last.quote.round, round)
  }
  await assert.rejects(channel.request('quote', { ...seller.leastRequest(), offer: 9n, last }), {
    word: 'ROUNDS'
  })
})

test('a last quote that is not the own one for this request, or has expired, is declined', async () => {
  const { buyer, provider, seller, channel } = await pair(1n)
  const other = await pair(1n)
  const request: QuoteRequest = { ...seller.leastRequest(), offer: 1n }
  const own = await channel.request('quote', request)
  const foreign = await other.channel.request('quote', { ...other.seller.leastRequest(), offer: 1n })
  const twisted = { ...own.quote, price: 1n }
  const cases: [string, SignedQuote][] = [
    ['of another provider', foreign],
    ['with another price', { quote: twisted, signature: own.signature }],
    ['signed by the buyer', { quote: twisted, signature: sign('quote', twisted, buyer.self.device) }]
  ]
  for (const [what, last] of cases)
    await assert.rejects(channel.request('quote', { ...request, last }), { word: 'NO_QUOTE' }, what)
  const larger = { ...seller.leastRequest({ bytes: 2 }), offer: 1n, last: own }
  await assert.rejects(channel.request('quote', larger), { word: 'NO_QUOTE' }, 'for another request')
  const third = await (await group.side()).deals.open(provider.device)
  await assert.rejects(
    third.request('quote', { ...request, last: own }),
    { word: 'NO_QUOTE' },
    'of another buyer'
  )
  provider.ahead = DEFAULT_POLICY.quoteFor + 1000
  await assert.rejects(channel.request('quote', { ...request, last: own }), { word: 'EXPIRED' })
})

test('offers out of range, unknown resources and bodies that are too large or malformed are refused', async () => {
  const { provider, seller, channel } = await pair(1n)
  const good = seller.leastRequest()
  await assert.rejects(channel.request('quote', { ...good, offer: MAX_MSAT + 1n }), { word: 'PRICE' })
  await assert.rejects(channel.request('quote', { ...good, resource: 'tokens' }), { word: 'RESOURCE' })
  await assert.rejects(channel.request('quote', { ...good, resource: 'x'.repeat(1000) }), {
    word: 'RESOURCE'
  })
  // Known, and not sold here.
  await assert.rejects(channel.request('quote', { ...good, resource: 'compute' }), { word: 'RESOURCE' })
  const zero = await channel.request('quote', { ...good, offer: 0n })
  assert.equal(zero.quote.price, PRICE, 'an offer of nothing is none')
  for (const body of [Buffer.alloc(1025), Buffer.alloc(3), Buffer.alloc(0)]) {
    const buyer = await group.side()
    const open = await buyer.deals.open(provider.device)
    const over = new Promise(resolve => open.stream.once('close', resolve))
    await assert.rejects(open.request('quote', { ...good, body }), { code: 'PEER_GONE' })
    await over
  }
  assert.deepEqual(provider.faults, [])
})

test('a quote is agreed to as it was given: at its price, by its buyer, for its resource, in its time', async () => {
  const { buyer, provider, seller, channel } = await pair(half)
  const first = await askQuote(buyer.deals, channel, seller.request())
  const low = await askQuote(buyer.deals, channel, seller.request({ offer: half, maxPrice: PRICE }))
  const agree = termsOf(buyer.deals, first, GOODS)
  const send = (
    change: Partial<ReturnType<typeof agreementRequest>>,
    terms = agree.terms
  ): Promise<unknown> => {
    const signed = { terms, signature: sign('terms', terms, buyer.self.device), quote: first.signed }
    return channel.request('agree', { ...agreementRequest(signed), ...change }, { id: agreementId(terms) })
  }
  const TERMS = { word: 'TERMS' }
  await assert.rejects(send({}, { ...agree.terms, price: low.quote.price }), TERMS, 'another price')
  await assert.rejects(send({ quote: low.signed }), TERMS, 'another quote')
  await assert.rejects(send({ quote: { ...low.signed, signature: crypto.randomBytes(64) } }), {
    word: 'NO_QUOTE'
  })
  await assert.rejects(send({ resource: 'tokens' }), { word: 'RESOURCE' })
  await assert.rejects(send({}, { ...agree.terms, ask: Buffer.alloc(32, 5) }), TERMS, 'another ask')
  const thief = await group.side()
  const stolen = await thief.deals.open(provider.device)
  const theirs = { ...agree.terms, buyer: thief.deals.party }
  const forged = { terms: theirs, signature: sign('terms', theirs, thief.self.device), quote: first.signed }
  await assert.rejects(stolen.request('agree', agreementRequest(forged), { id: agreementId(theirs) }), {
    word: 'NO_QUOTE'
  })
  assert.equal(seller.agreements, 0)
  provider.ahead = DEFAULT_POLICY.quoteFor + 1000
  await assert.rejects(send({}), { word: 'EXPIRED' })
  assert.equal(seller.agreements, 0)
  provider.ahead = 0
  await send({})
  provider.ahead = DEFAULT_POLICY.quoteFor + 1000
  await send({}) // the agreement is on disk: its answer is repeated as long as it is
  assert.equal(seller.agreements, 1)
  assert.equal(provider.store.table(replyTable).count, 0, 'neither a quote nor a decline is kept')
})

test('a buyer leaves a provider that counters above its ask, or raises its price on the way', async () => {
  const { buyer, provider, seller, channel } = await pair(half)
  const prices: bigint[] = []
  await seller.quotes.close()
  const asked: (bigint | null)[] = []
  const real = new FakeSeller(await group.side())
  const offered = await askQuote(buyer.deals, await buyer.deals.open(real.side.device), real.request())
  provider.deals.handle('quote', (request, _from, _channel, id) => {
    asked.push(request.offer || null)
    const quote: Quote = {
      ...offered.quote,
      ...{ request: id, ask: request.ask, market: request.market, wanted: request.body },
      ...{ round: (request.last?.quote.round ?? 0) + 1, price: prices.shift()! }
    }
    return { body: { quote, signature: sign('quote', quote, provider.self.device) } }
  })
  const ask = (): Promise<{ quote: Quote }> =>
    askQuote(buyer.deals, channel, seller.request({ offer: half, maxPrice: PRICE }))
  prices.push(PRICE + 1n)
  await assert.rejects(ask(), { code: 'PRICE_ROSE' })
  prices.push(PRICE - 2n, PRICE - 1n)
  await assert.rejects(ask(), { code: 'BAD_ANSWER' })
  asked.length = 0
  prices.push(PRICE, PRICE, PRICE, PRICE)
  assert.equal((await ask()).quote.price, PRICE)
  assert.equal(asked.length, 3, 'a provider that never moves is asked three times')
  assert.ok(asked.every((offer, i) => i === 0 || offer! > asked[i - 1]!))
})
