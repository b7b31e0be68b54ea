import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import c from 'compact-encoding'
import Protomux from 'protomux'
import ProtomuxRPC from 'protomux-rpc'
import type { Countersign, Quote, StorageQuote } from '#spec'
import { DAY } from '../../../contracts/money/quantity.js'
import { decode, encode } from '../../../contracts/schema/codec.js'
import { formatKey } from '../../../contracts/keys/key.js'
import { sign } from '../../../contracts/keys/signature.js'
import { DeclineError } from '../../../src/deal/decline.js'
import { PROTOCOL } from '../../../src/deal/channel.js'
import type { LeaseEntry, MirrorResult } from '../../world/world.js'
import { openRogueMarket } from '../../parts/peers/rogue-market.js'
import { shown } from '../../parts/peers/rogues.js'
import type { Person } from '../../samples/orders.js'
import type { ImpostorOptions } from '../../parts/peers/rogues.js'
import { flipped, neverAnswer } from '../../parts/peers/lies.js'
import type { Lies } from '../../parts/peers/lies.js'
import type { Draft, InvoiceForger } from '../../parts/peers/invoice-forger.js'
import { callWithShortTimeouts, notesOf } from '../../parts/peers/buyers.js'

const SAT_PER_GIB = 1000n * 1024n
const CHEAP = 40_000n * SAT_PER_GIB

type Lie = (forger: InvoiceForger, who: Person) => Lies
/** What a fake provider does, and what the buyer must say of it. */
type Case = [does: string, says: RegExp, options: Omit<ImpostorOptions, 'price'>]

const quoting = (twist: (quote: Quote) => Partial<Quote>, signed = true): { lies: Lie } => ({
  lies: (_forger, { device }) => ({
    quote: async truth => {
      const answer = await truth()
      const quote = { ...answer.body.quote, ...twist(answer.body.quote) }
      const signature = signed ? sign('quote', quote, device) : answer.body.signature
      return { ...answer, body: { quote, signature } }
    }
  })
})

/** Changes the part of the quote that is storage's. */
const offering = (twist: (offer: StorageQuote) => Partial<StorageQuote>, signed = true): { lies: Lie } =>
  quoting(({ body }) => {
    const offer = decode('storage-quote', body)
    return { body: encode('storage-quote', { ...offer, ...twist(offer) }) }
  }, signed)

const listing = (twist: (list: Countersign['list']) => Partial<Countersign['list']>): { lies: Lie } => ({
  lies: (_forger, { device }) => ({
    agree: async truth => {
      const answer = await truth()
      const { list: listed } = decode('countersign', answer.body.body)
      const list = { ...listed, ...twist(listed) }
      const countersign = { list, signature: sign('installment-list', list, device) }
      return { ...answer, body: { ...answer.body, body: encode('countersign', countersign) } }
    }
  })
})

const invoicing = (twist: (draft: Draft) => Partial<Draft>): { lies: Lie } => ({
  lies: forger => ({ strip: (_truth, { agreement }) => ({ body: forger.strip(agreement, twist) }) })
})

const stripping = (twist: (invoices: string[]) => string[]): { lies: Lie } => ({
  lies: forger => ({
    strip: (_truth, { agreement }) => ({
      body: { agreement, invoices: twist(forger.strip(agreement).invoices) }
    })
  })
})

const CASES: Case[] = [
  [
    'sends garbage in place of the deal protocol',
    /went away|did not answer/,
    {
      onconnection: (stream, deals) => {
        deals.attach(stream)
        stream.write(Buffer.alloc(4096, 0xff))
      }
    }
  ],
  [
    'sends garbage on the deal channel',
    /went away|did not answer/,
    {
      onconnection: stream => {
        const channel = Protomux.from(stream).createChannel({ protocol: PROTOCOL })!
        const message = channel.addMessage<Buffer>({ encoding: c.raw, onmessage: () => undefined })
        channel.open()
        message.send(randomBytes(4096))
      }
    }
  ],
  [
    'does not answer the request for a quote',
    /did not answer quote in time/,
    { lies: () => ({ quote: neverAnswer }) }
  ],
  [
    'answers the hello with garbage',
    /malformed/,
    {
      onconnection: stream => {
        new ProtomuxRPC(stream, { protocol: PROTOCOL }).respond('hello', async () => randomBytes(200))
      }
    }
  ],
  [
    'answers with more bytes than a message may have',
    /malformed/,
    {
      onconnection: stream => {
        new ProtomuxRPC(stream, { protocol: PROTOCOL }).respond('hello', async () => randomBytes(1 << 16))
      }
    }
  ],
  [
    'shows the attestation of another device',
    /attestation/,
    {
      lies: (_forger, who) => ({
        hello: async truth => {
          const { body } = await truth()
          return { body: { ...body, proof: flipped(who.proof) } }
        }
      })
    }
  ],
  ['has a clock that is ten minutes slow', /clocks are/, { now: () => Date.now() - 600_000 }],
  ['has a clock that is ten minutes fast', /clocks are/, { now: () => Date.now() + 600_000 }],
  [
    'pays on another Lightning network',
    /pays on play-1|cannot be dealt with/,
    {
      lies: () => ({ hello: async truth => ({ body: { ...(await truth()).body, network: 'bitcoin' } }) })
    }
  ],
  [
    'declines with terminal control sequences',
    /declined: no +\[31m more/,
    {
      lies: () => ({
        quote: () => {
          throw new DeclineError('NO_CAPACITY', 'no \u001b\u009b[31m more'.replace('\u009b', '\n'))
        }
      })
    }
  ],
  [
    'quotes a price above the book',
    /now asks .*; its ask on the book says/,
    quoting(({ price }) => ({ price: 2n * price }))
  ],
  [
    'quotes a minimum charge above the book',
    /asks at least/,
    offering(() => ({ minChargeMsat: 9_000_000n }))
  ],
  [
    'quotes the whole charge as first installment',
    /first installment/,
    offering(() => ({
      firstInstallmentMsat: 900_000_000n,
      maxInstallmentMsat: 900_000_000n
    }))
  ],
  [
    'quotes installments that end before they begin',
    /installments/,
    offering(() => ({ maxInstallmentMsat: 1n }))
  ],
  ['quotes a grace of an hour', /grace/, offering(() => ({ grace: 3_600_000 }))],
  ['quotes less egress than one restore', /egress/, offering(() => ({ egressBytes: 100 }))],
  [
    'quotes for ever',
    /its quote is valid for \d+ ms/,
    quoting(() => ({ validUntil: Number.MAX_SAFE_INTEGER }))
  ],
  ['quotes for another request', /another request/, quoting(() => ({ request: randomBytes(32) }))],
  ['quotes for another ask', /another request/, quoting(() => ({ ask: randomBytes(32) }))],
  ['quotes for another resource', /another request/, quoting(() => ({ resource: 'compute' }))],
  ['quotes for another buyer', /another request/, quoting(() => ({ buyer: randomBytes(32) }))],
  ['quotes in a later round', /another request/, quoting(() => ({ round: 2 }))],
  ['quotes with a body that cannot be read', /cannot be read/, quoting(() => ({ body: randomBytes(3) }))],
  [
    'does not sign its quote',
    /signature of its quote is not valid/,
    offering(({ grace }) => ({ grace: grace + 1 }), false)
  ],
  [
    'denies the offer when asked to countersign',
    /declined: gone/,
    {
      lies: () => ({
        agree: () => {
          throw new DeclineError('OFFER_GONE', 'gone')
        }
      })
    }
  ],
  [
    'countersigns with a wrong signature',
    /countersignature is not valid/,
    {
      lies: () => ({
        agree: async truth => {
          const answer = await truth()
          const { list, signature } = decode('countersign', answer.body.body)
          const body = encode('countersign', { list, signature: flipped(signature) })
          return { ...answer, body: { ...answer.body, body } }
        }
      })
    }
  ],
  [
    'lists another amount than agreed',
    /installment 1 is .* msat, not/,
    listing(({ installments }) => ({
      installments: installments.map(listed =>
        listed.installment === 1 ? { ...listed, msat: listed.msat + 1n } : listed
      )
    }))
  ],
  [
    'lists one installment too few',
    /lists \d+ installments, not/,
    listing(({ installments }) => ({ installments: installments.slice(1) }))
  ],
  [
    'lists one installment too many',
    /lists \d+ installments, not/,
    listing(({ installments }) => ({
      installments: [
        ...installments,
        { ...installments[0]!, installment: installments.length, hash: randomBytes(32) }
      ]
    }))
  ],
  [
    'lists one hash twice',
    /hash twice/,
    listing(({ installments }) => ({
      installments: installments.map(listed => ({ ...listed, hash: installments[0]!.hash }))
    }))
  ],
  ['lists for another agreement', /another agreement/, listing(() => ({ agreement: randomBytes(32) }))],
  [
    'sends invoices for another amount',
    /asks for \d+ msat, agreed were/,
    invoicing(({ msat }) => ({ msat: msat + 1000n }))
  ],
  ['asks for another hash', /payment hash/, invoicing(() => ({ hash: randomBytes(32) }))],
  ['asks for another payee', /another node/, invoicing(() => ({ secret: Buffer.alloc(32, 7) }))],
  ['asks on another network', /another network \(lnbc\)/, invoicing(() => ({ prefix: 'bc' }))],
  [
    'sends invoices that have expired',
    /expired/,
    invoicing(({ timestamp }) => ({ timestamp: timestamp - 90_000 }))
  ],
  ['describes another purchase', /description/, invoicing(() => ({ description: 'bushel/1 beans 0' }))],
  [
    'sends one invoice too few',
    /sent \d+ invoices for \d+ installments/,
    stripping(invoices => invoices.slice(1))
  ],
  [
    'sends one invoice too many',
    /sent \d+ invoices for \d+ installments/,
    stripping(invoices => [...invoices, invoices[0]!])
  ],
  ['swaps two invoices', /refused/, stripping(([a, b, ...rest]) => [b!, a!, ...rest])],
  [
    'sends a second invoice with an honest one',
    /sent \d+ invoices for \d+ installments/,
    stripping(([a, ...rest]) => [a!, a!, ...rest])
  ],
  ['sends garbage for invoices', /malformed/, stripping(invoices => invoices.map(() => 'lnbc1garbage'))]
]

test('a buyer passes over every provider that lies before the first payment', async t => {
  const { world, market, path, group } = await openRogueMarket(t, 'terms')
  const impostors = await Promise.all(
    CASES.map(([does, , options], i) =>
      group.impostor(does.replaceAll(' ', '-'), { ...options, price: CHEAP + BigInt(i) })
    )
  )
  const dear = await group.impostor('has a low price and a high least charge', {
    price: 1000n,
    minChargeMsat: 9_000_000n
  })
  for (const name of ['alone', 'buyer']) {
    await world.home(name)
    await world.ok(name, ['market', 'join', market])
  }
  const before = await world.wallet('buyer')

  const args = ['mirror', path, '--copies', '1', '--time', '30d']
  const params = { path, copies: 1, time: 30 * DAY }
  const alone = world.fails('alone', [...args, '--max-price', '90000 sat/GiB-month'], 4)
  alone.catch(() => undefined) // checked below
  const finished = await callWithShortTimeouts(world, 'buyer', 'mirror', params)

  await t.test('nothing is bought and nothing is paid when nobody else offers', async () => {
    const failure = await alone
    assert.equal(failure.code, 'NO_OFFER')
    assertNothingPaid(await world.leases('alone'))
    assert.deepEqual(await world.wallet('alone'), before)
  })

  const notes = notesOf(finished)
  for (const [i, [does, says]] of CASES.entries()) {
    await t.test(`a provider that ${does} is passed over`, () => {
      const name = shown(impostors[i]!.device)
      const note = notes.find(text => text.includes(name))
      assert.ok(note, `a note that names ${name}: ${notes.join('\n')}`)
      assert.match(note, says)
    })
  }

  await t.test('the honest provider is used, and only it is paid', async () => {
    assert.equal(finished.code, 0, JSON.stringify(finished.result) + finished.stderr)
    const result = finished.result as unknown as MirrorResult
    assert.equal(result.copies, 1)
    const leases = await world.leases('buyer')
    const [kept, ...rest] = leases.filter(({ id }) => result.leases.includes(id))
    assert.deepEqual(rest, [])
    assert.equal(kept!.device, (await world.ok<{ device: string }>('lease manager', ['status'])).device)
    assert.equal(kept!.paidMsat, result.paidMsat)
    assertNothingPaid(leases.filter(({ id }) => id !== kept!.id))
    const liars = impostors.map(({ device }) => formatKey(device))
    for (const lease of leases) if (liars.includes(lease.device)) assert.equal(lease.state, 'VOID')
  })

  await t.test('a provider with a higher minimum charge than the honest one gets no agreement', async () => {
    const leases = await world.leases('buyer')
    const agreed = leases.filter(({ device }) => device === formatKey(dear.device))
    assert.deepEqual(agreed, [], notes.join('\n'))
  })

  await t.test('no lying provider failed internally', () => {
    assert.deepEqual(group.faults, [])
  })
})

function assertNothingPaid(leases: LeaseEntry[]): void {
  for (const { paidMsat, receipts } of leases) {
    assert.equal(paidMsat, '0')
    assert.deepEqual(receipts, [])
  }
}
