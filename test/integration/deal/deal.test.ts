import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import crypto from 'hypercore-crypto'
import type { Quote, SignedQuote, StorageQuote, StorageRequest, Terms } from '#spec'
import { decode, encode } from '../../../contracts/schema/codec.js'
import { billedBytes } from '../../../contracts/money/money.js'
import { DAY, GIB } from '../../../contracts/money/quantity.js'
import { sign } from '../../../contracts/keys/signature.js'
import { START_WITHIN, agreementId } from '../../../contracts/terms.js'
import type { DealChannel } from '../../../src/deal/channel.js'
import { askQuote, requestCountersign, termsOf } from '../../../src/storage/buyer/lease-terms.js'
import type { SignedTerms } from '../../../src/storage/buyer/lease-terms.js'
import { DEFAULT_POLICY } from '../../../src/storage/provider/selling.js'
import { storage } from '../../../src/storage/resource.js'
import { replyTable } from '../../../src/deal/tables.js'
import {
  GOODS,
  CORES,
  FakeSeller,
  agreedTable,
  NodeGroup,
  RawPeer,
  agreementRequest
} from '../../parts/deal/sides.js'
import type { Side } from '../../parts/deal/sides.js'

let group: NodeGroup

before(async () => {
  group = await NodeGroup.open()
})

after(() => group.close())

async function quoted(
  buyer: Side,
  seller: FakeSeller
): Promise<{ channel: DealChannel; agree: SignedTerms; quote: StorageQuote }> {
  const channel = await buyer.deals.open(seller.side.device)
  const answer = await askQuote(buyer.deals, channel, seller.request())
  return { channel, agree: termsOf(buyer.deals, answer, GOODS), quote: answer.offer }
}

/** The same terms with a change, signed by `by`. */
function resigned({ terms, quote }: SignedTerms, change: Partial<Terms>, by: Side): SignedTerms {
  const other = { ...terms, ...change }
  return { quote, terms: other, signature: sign('terms', other, by.self.device) }
}

test('a quote leads to an agreement that both sides have signed', async () => {
  const [buyer, provider] = [await group.side(), await group.side()]
  const seller = new FakeSeller(provider)
  const { channel, agree, quote } = await quoted(buyer, seller)
  assert.deepEqual(channel.peer, {
    device: provider.device,
    identity: provider.self.identity,
    lightning: provider.self.lightning,
    address: null
  })
  assert.equal(agree.terms.price, seller.price)
  assert.equal(quote.egressBytes, Number(billedBytes(CORES)) * DEFAULT_POLICY.egressTimes)
  const countersign = await requestCountersign(channel, agree, 5_000)
  const id = agreementId(agree.terms)
  assert.deepEqual(countersign.list.agreement, id)
  assert.deepEqual(provider.store.table(agreedTable).get(id), encode('terms', agree.terms))
  assert.equal(seller.agreements, 1)
  assert.deepEqual([...buyer.faults, ...provider.faults], [])
})

test('a repeated request gets the same bytes and is executed once, even after the provider restarts', async () => {
  const [buyer, provider] = [await group.side(), await group.side()]
  let seller = new FakeSeller(provider)
  const { agree, channel } = await quoted(buyer, seller)
  const gone = new Promise(resolve => channel.stream.once('close', resolve))
  channel.stream.destroy()
  await gone
  const id = agreementId(agree.terms)
  const request = encode('request', { id, body: encode('agreement-request', agreementRequest(agree)) })
  const quoteRequest = encode('request', {
    id: crypto.randomBytes(32),
    body: encode('quote-request', seller.leastRequest())
  })

  const first = await RawPeer.to(buyer, provider.device)
  await first.greet()
  // Three times at once, and once more.
  const answers = await Promise.all([1, 2, 3].map(() => first.send('agree', request)))
  answers.push(await first.send('agree', request))
  assert.ok(decode('reply', await first.send('quote', quoteRequest)).body)
  assert.equal(seller.agreements, 1)
  assert.equal(
    provider.store.table(replyTable).count,
    0,
    'a quote is stateless, and the agreement is its own record'
  )

  await provider.close()
  await first.disconnected()
  await provider.open()
  seller = new FakeSeller(provider)
  seller.isListed = false
  const second = await RawPeer.to(buyer, provider.device)
  await second.greet()
  answers.push(await second.send('agree', request))
  assert.equal(decode('reply', await second.send('quote', quoteRequest)).decline?.code, 'OFFER_GONE')
  for (const answer of answers) assert.deepEqual(answer, answers[0])
  assert.ok(decode('reply', answers[0]).body)
  assert.equal(seller.agreements, 0)
})

test('an agreement is not made again by a request with another id', async () => {
  const [buyer, provider] = [await group.side(), await group.side()]
  const seller = new FakeSeller(provider)
  const { channel, agree } = await quoted(buyer, seller)
  await requestCountersign(channel, agree, 5_000)
  await assert.rejects(channel.request('agree', agreementRequest(agree)), { word: 'TERMS' })
  assert.equal(seller.agreements, 1)
})

test('an expired quote is worthless', async () => {
  const [buyer, provider] = [await group.side(), await group.side()]
  const seller = new FakeSeller(provider)
  const { channel, agree } = await quoted(buyer, seller)
  provider.ahead = DEFAULT_POLICY.quoteFor + 1000
  await assert.rejects(requestCountersign(channel, agree, 5_000), { word: 'EXPIRED' })
  assert.equal(seller.agreements, 0)
})

test('a quote holds when the price is raised, and ends with the offer', async () => {
  const [buyer, provider] = [await group.side(), await group.side()]
  const seller = new FakeSeller(provider)
  const first = await quoted(buyer, seller)
  seller.price += 1n
  await requestCountersign(first.channel, first.agree, 5_000)
  assert.equal(seller.agreements, 1)
  await assert.rejects(askQuote(buyer.deals, first.channel, seller.request()), {
    code: 'PRICE_ROSE',
    exit: 4
  })
  seller.price -= 1n
  const second = await quoted(buyer, seller)
  seller.isListed = false
  await assert.rejects(requestCountersign(second.channel, second.agree, 5_000), {
    word: 'OFFER_GONE'
  })
  await assert.rejects(askQuote(buyer.deals, second.channel, seller.request()), {
    word: 'OFFER_GONE'
  })
  await assert.rejects(askQuote(buyer.deals, second.channel, seller.request({ ask: Buffer.alloc(32) })), {
    word: 'OFFER_GONE'
  })
  assert.equal(seller.agreements, 1)
})

test('space is sold once, however many ask for it at the same time', async () => {
  const provider = await group.side()
  const seller = new FakeSeller(provider, Number(billedBytes(CORES)) + 1)
  const buyers = await Promise.all([group.side(), group.side(), group.side()])
  const quotes = await Promise.all(buyers.map(buyer => quoted(buyer, seller)))
  const answers = await Promise.allSettled(
    quotes.map(({ channel, agree }) => requestCountersign(channel, agree, 5_000))
  )
  const taken = answers.filter(answer => answer.status === 'fulfilled')
  const refused = answers.filter(answer => answer.status === 'rejected')
  assert.equal(taken.length, 1)
  for (const { reason } of refused) assert.equal((reason as { word: string }).word, 'NO_CAPACITY')
  assert.equal(provider.store.table(agreedTable).count, 1)
  const channel = quotes[0]!.channel
  await assert.rejects(askQuote(buyers[0]!.deals, channel, seller.request()), { word: 'NO_CAPACITY' })
})

test('terms that differ from the quote in any field are declined', async () => {
  const [buyer, provider, third] = [await group.side(), await group.side(), await group.side()]
  const seller = new FakeSeller(provider)
  const { channel, agree, quote } = await quoted(buyer, seller)
  const { terms } = agree
  const small = [{ key: Buffer.alloc(32, 11), length: 1, byteLength: 1 }]
  const cases: [string, Partial<Terms>][] = [
    ['TERMS', { version: 2 }],
    ['TERMS', { nonce: Buffer.alloc(32) }],
    ['TERMS', { market: Buffer.alloc(32, 9) }],
    ['TERMS', { ask: Buffer.alloc(32, 9) }],
    ['NETWORK', { network: 'bitcoin' }],
    ['PARTIES', { buyer: { ...terms.buyer, identity: third.self.identity } }],
    ['PARTIES', { buyer: { ...terms.buyer, lightning: third.self.lightning } }],
    ['PARTIES', { buyer: third.deals.party }],
    ['PARTIES', { provider: { ...terms.provider, identity: third.self.identity } }],
    ['PARTIES', { provider: { ...terms.provider, lightning: third.self.lightning } }],
    ['PARTIES', { provider: third.deals.party }],
    ['TERMS', { cores: [{ ...CORES[0]!, length: 4096, byteLength: GIB }] }],
    ['TERMS', { cores: [] }],
    ['TERMS', { price: terms.price - 1n }],
    ['TERMS', { price: terms.price + 1n }],
    ['TERMS', { time: 61 * DAY }],
    ['TERMS', { time: 1000 }],
    ['TERMS', { firstInstallmentMsat: terms.firstInstallmentMsat + 1n }],
    ['TERMS', { maxInstallmentMsat: terms.maxInstallmentMsat + 1n }],
    ['TERMS', { minChargeMsat: 1n }],
    ['TERMS', { egressBytes: quote.egressBytes + 1 }],
    ['TERMS', { cores: small }], // with the egress of more
    ['TERMS', { grace: terms.grace + 1 }],
    ['TERMS', { countersignBy: terms.countersignBy + DAY, startBy: terms.startBy + DAY }],
    ['TERMS', { startBy: terms.countersignBy + START_WITHIN + 1 }],
    ['EXPIRED', { countersignBy: Date.now() - 1000, startBy: Date.now() }]
  ]
  for (const [word, change] of cases) {
    const other = resigned(agree, change, buyer)
    const answer = channel.request('agree', agreementRequest(other), { id: agreementId(other.terms) })
    await assert.rejects(answer, { word }, Object.keys(change).join())
  }
  assert.equal(seller.agreements, 0)
  assert.equal(provider.store.table(agreedTable).count, 0)
  await requestCountersign(channel, agree, 5_000)
  assert.deepEqual(provider.faults, [])
})

test('nobody can agree in the name of another', async () => {
  const [buyer, provider, third] = [await group.side(), await group.side(), await group.side()]
  const seller = new FakeSeller(provider)
  const { channel, agree } = await quoted(buyer, seller)
  const others = [resigned(agree, {}, third), { ...agree, signature: crypto.randomBytes(64) }]
  for (const [i, other] of others.entries()) {
    // Different terms each time, which have different ids.
    const terms = { ...other.terms, grace: other.terms.grace - i }
    const request = agreementRequest({ ...other, terms })
    await assert.rejects(channel.request('agree', request, { id: agreementId(terms) }), { word: 'SIGNATURE' })
  }
  const stolen = await third.deals.open(provider.device)
  await assert.rejects(stolen.request('agree', agreementRequest(agree), { id: agreementId(agree.terms) }), {
    word: 'SIGNATURE'
  })
  assert.equal(seller.agreements, 0)
})

test('the buyer refuses a quote that does not match its request', async () => {
  const [buyer, provider] = [await group.side(), await group.side()]
  const seller = new FakeSeller(provider)
  const channel = await buyer.deals.open(provider.device)
  const { quote: good, offer } = await askQuote(buyer.deals, channel, seller.request())
  let change: Partial<Quote> = {}
  let part: Partial<StorageQuote> = {}
  let signer = provider
  await seller.quotes.close()
  provider.deals.handle('quote', (request, _from, _channel, id) => {
    const body = storage.quote.encode({ ...offer, ...part })
    const quote = { ...good, request: id, wanted: request.body, body, ...change }
    return { body: { quote, signature: sign('quote', quote, signer.self.device) } }
  })
  const ask = (): Promise<unknown> => askQuote(buyer.deals, channel, seller.request())
  await ask()
  const cases: [string, Partial<Quote>, Partial<StorageQuote>?][] = [
    ['BAD_ANSWER', { request: Buffer.alloc(32) }],
    ['BAD_ANSWER', { ask: Buffer.alloc(32) }],
    ['BAD_ANSWER', { market: Buffer.alloc(32) }],
    ['BAD_ANSWER', { resource: 'compute' }],
    ['BAD_ANSWER', { buyer: provider.device }],
    ['BAD_ANSWER', { round: 2 }],
    ['BAD_ANSWER', { wanted: Buffer.alloc(4) }],
    ['BAD_ANSWER', { body: Buffer.alloc(1) }],
    ['BAD_ANSWER', { price: 0n }],
    ['PRICE_ROSE', { price: seller.price + 1n }],
    ['BAD_ANSWER', { validUntil: Number.MAX_SAFE_INTEGER }],
    ['PRICE_ROSE', {}, { minChargeMsat: 1001n }],
    ['BAD_ANSWER', {}, { firstInstallmentMsat: 0n }],
    ['BAD_ANSWER', {}, { maxInstallmentMsat: 1n }],
    ['BAD_ANSWER', {}, { firstInstallmentMsat: 30_000n }],
    ['BAD_ANSWER', {}, { maxInstallmentMsat: 10n ** 12n }],
    ['BAD_ANSWER', {}, { egressBytes: 1000 }],
    ['BAD_ANSWER', {}, { grace: 7 * DAY - 1 }]
  ]
  for (const [code, lie, partly = {}] of cases) {
    change = lie
    part = partly
    await assert.rejects(ask(), { code }, Object.keys({ ...lie, ...partly }).join())
  }
  change = {}
  part = {}
  signer = buyer
  await assert.rejects(ask(), { code: 'BAD_ANSWER' }, 'signed by another')
})

test('the buyer refuses a countersignature over other terms', async () => {
  const [buyer, provider] = [await group.side(), await group.side()]
  const seller = new FakeSeller(provider)
  const { channel, agree } = await quoted(buyer, seller)
  const good = seller.firstList(agree.terms)
  const first = good.installments[0]!
  const lists = [
    { ...good, agreement: Buffer.alloc(32) },
    { ...good, installments: good.installments.slice(1) },
    { ...good, installments: [{ ...first, msat: first.msat + 1n }, ...good.installments.slice(1)] }
  ]
  let n = 0
  await seller.quotes.close()
  provider.deals.handle('agree', ({ terms }) => {
    const list = lists[n] ?? good
    const signer = n < lists.length ? provider : buyer
    n++
    const body = encode('countersign', {
      list,
      signature: sign('installment-list', list, signer.self.device)
    })
    return { body: { agreement: agreementId(decode('terms', terms)), body } }
  })
  for (let i = 0; i <= lists.length; i++) {
    // Different terms each time, which have different ids.
    const other = resigned(agree, { grace: agree.terms.grace - i }, buyer)
    await assert.rejects(requestCountersign(channel, other, 5_000), { code: 'BAD_ANSWER' }, `list ${i}`)
  }
})

test('a request for nothing or for another market than the offer’s is declined', async () => {
  const [buyer, provider] = [await group.side(), await group.side()]
  const seller = new FakeSeller(provider)
  const channel = await buyer.deals.open(provider.device)
  const elsewhere = { ...seller.leastRequest(), market: Buffer.alloc(32) }
  await assert.rejects(channel.request('quote', elsewhere), { word: 'OFFER_GONE' })
  const wants = (given: Partial<StorageRequest>): Promise<SignedQuote> =>
    channel.request('quote', seller.leastRequest(given))
  await assert.rejects(wants({ bytes: 0 }), { word: 'SIZE' })
  await assert.rejects(wants({ time: 1 }), { word: 'TIME' })
  await assert.rejects(wants({ bytes: Number.MAX_SAFE_INTEGER }), { word: 'NO_CAPACITY' })
  await assert.rejects(channel.request('progress', { agreement: Buffer.alloc(32) }), { word: 'NOT_SERVED' })
  assert.deepEqual(provider.faults, [])
})

test('closing waits for an answer that is being worked on, and takes no other request', async () => {
  const [buyer, provider] = [await group.side(), await group.side()]
  const log: string[] = []
  let begin = (): void => undefined
  let finish = (): void => undefined
  const isUnderWay = new Promise<void>(resolve => (begin = resolve))
  const mayEnd = new Promise<void>(resolve => (finish = resolve))
  provider.deals.handle('end', async ({ agreement }) => {
    begin()
    await mayEnd
    log.push('answered')
    return { body: { agreement, counter: null, creditMsat: 0n, debt: null } }
  })
  const channel = await buyer.deals.open(provider.device)
  const asked = channel.request('end', { agreement: Buffer.alloc(32), reason: '' })
  const lost = assert.rejects(asked, { code: 'PEER_GONE' })
  await isUnderWay
  const closing = provider.deals.close().then(() => log.push('closed'))
  await lost
  finish()
  await closing
  assert.deepEqual(log, ['answered', 'closed'])
})
