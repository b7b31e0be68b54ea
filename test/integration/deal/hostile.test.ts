import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import crypto from 'hypercore-crypto'
import type { Hello } from '#spec'
import { encode } from '../../../contracts/schema/codec.js'
import { BOUNDS } from '../../../src/base/bounds/bounds.js'
import { ERROR_CODES } from '../../../src/cli/exit-codes.js'
import { DeclineError } from '../../../src/deal/decline.js'
import type { DeclineWord, Declined } from '../../../src/deal/decline.js'
import type { Method } from '../../../src/deal/methods.js'
import { noPoint } from '../../samples/people.js'
import { FakeSeller, NodeGroup, RESOURCES, RawPeer } from '../../parts/deal/sides.js'

const LIMIT = { timeout: 15_000 }
let group: NodeGroup
const NO_QUOTE = {
  quote: {
    ...{ request: Buffer.alloc(32), market: Buffer.alloc(32), ask: Buffer.alloc(32), resource: 'storage' },
    ...{
      buyer: Buffer.alloc(32),
      round: 1,
      price: 1n,
      validUntil: 1,
      wanted: Buffer.alloc(0),
      body: Buffer.alloc(0)
    }
  },
  signature: Buffer.alloc(64)
}
let seller: FakeSeller

before(async () => {
  group = await NodeGroup.open()
  seller = new FakeSeller(await group.side())
})

after(() => group.close())

async function stranger(): Promise<RawPeer> {
  return RawPeer.to(await group.side(), seller.side.device)
}

/** The provider is unchanged: nothing recorded, and no fault of its own reported. */
function unchanged(count: number): void {
  assert.equal(seller.side.count, count)
  assert.deepEqual(seller.side.faults, [])
}

test(
  'a peer with a false identity, network, version, clock or Lightning node is told so and not served',
  LIMIT,
  async () => {
    const other = await group.side()
    const cases: [string, (hello: Hello) => Partial<Hello>][] = [
      ['NETWORK', () => ({ network: 'bitcoin' })],
      ['VERSION', () => ({ version: 2 })],
      ['CLOCK', hello => ({ clock: hello.clock - 130_000 })],
      ['CLOCK', hello => ({ clock: hello.clock + 130_000 })],
      ['LIGHTNING', () => ({ lightning: Buffer.alloc(32) })],
      ['LIGHTNING', () => ({ lightning: noPoint() })],
      ['IDENTITY', () => ({ proof: other.self.proof })],
      ['IDENTITY', () => ({ proof: crypto.randomBytes(139) })],
      ['IDENTITY', () => ({ proof: Buffer.alloc(0) })]
    ]
    for (const [code, change] of cases) {
      const rawPeer = await stranger()
      const reply = await rawPeer.greet({ ...rawPeer.hello, ...change(rawPeer.hello) })
      assert.equal(reply.decline?.code, code)
      assert.ok(!reply.body)
      await assert.rejects(
        rawPeer.send('progress', rawPeer.wrap('agreement-reference', { agreement: Buffer.alloc(32) }))
      )
      await rawPeer.disconnected()
    }
    const near = await stranger()
    assert.ok(
      (await near.greet({ ...near.hello, clock: near.hello.clock - 110_000 })).body,
      'within two minutes'
    )
    unchanged(0)
  }
)

test('requests that wait are counted in bytes, and those of all strangers are few', LIMIT, async () => {
  const slow = await group.side()
  slow.deals.handle('agree', () => new Promise(() => undefined))
  slow.deals.handle('progress', ({ agreement }) => ({ body: { agreement, blocks: 0, bytes: 0 } }))
  const body = {
    resource: 'storage',
    terms: Buffer.alloc(18_000),
    signature: Buffer.alloc(64),
    quote: NO_QUOTE
  }
  const large = await RawPeer.to(await group.side(), slow.device)
  await large.greet()
  const sent = Math.ceil(BOUNDS.heldRequests.peer / 18_000)
  for (let i = 0; i < sent; i++)
    large.send('agree', large.wrap('agreement-request', body)).catch(() => undefined) // it is cut off
  await large.disconnected()
  assert.ok(slow.deals.used.heldRequests! <= BOUNDS.heldRequests.peer)

  slow.deals.held.bytes = BOUNDS.heldRequests.all
  const [buyer, customer] = [await group.side(), await group.side()]
  slow.network.knowDealings(device => (device.equals(customer.device) ? 'has paid' : null))
  const paid = await RawPeer.to(customer, slow.device)
  await paid.greet()
  const small = { agreement: Buffer.alloc(32) }
  assert.ok(await paid.send('progress', paid.wrap('agreement-reference', small)))
  const other = await RawPeer.to(buyer, slow.device)
  await assert.rejects(other.greet())
  await other.disconnected()
})

test('a node does not deal with a provider whose hello is wrong either', LIMIT, async () => {
  const other = await group.side()
  const cases: [string, Parameters<NodeGroup['side']>[0], number][] = [
    ['NETWORK', { network: 'bitcoin' }, 0],
    ['CLOCK', {}, 180_000]
  ]
  for (const [word, given, ahead] of cases) {
    const buyer = await group.side(given)
    buyer.ahead = ahead
    await assert.rejects(buyer.deals.open(seller.side.device), { code: 'DECLINED', word })
    // The other direction: the honest side asks.
    await assert.rejects(seller.side.deals.open(buyer.device), { code: 'DECLINED', word })
  }
  const wrong: [word: string, Parameters<NodeGroup['side']>[0], RegExp][] = [
    ['IDENTITY', { proof: other.self.proof }, /attestation/],
    ['LIGHTNING', { lightning: noPoint() }, /Lightning node id/]
  ]
  for (const [word, given, message] of wrong) {
    const posing = await group.side(given)
    await assert.rejects(posing.deals.open(seller.side.device), { code: 'DECLINED', word })
    await assert.rejects(seller.side.deals.open(posing.device), { code: 'NO_DEAL', message })
  }
})

test('a decline with one of our own error codes, or any other word, is only a decline', LIMIT, async () => {
  const rogue = await group.side()
  const buyer = await group.side()
  let decline: [word: string, reason: string] = ['', '']
  rogue.deals.handle('progress', () => {
    throw new DeclineError(decline[0] as DeclineWord, decline[1])
  })
  const channel = await buyer.deals.open(rogue.device)
  const answer = async (word: string, reason: string): Promise<Declined> => {
    decline = [word, reason]
    const asked = channel.request('progress', { agreement: Buffer.alloc(32) })
    return asked.then(
      () => assert.fail('it was answered'),
      (error: unknown) => error as Declined
    )
  }
  for (const { code } of ERROR_CODES) {
    const { code: ours, word, message } = await answer(code, 'no')
    assert.deepEqual([ours, word], ['DECLINED', code])
    assert.match(message, /^\w{8} declined: no$/)
  }
  const strange: [string, string, RegExp][] = [
    ['', '', /declined: $/],
    ['no', 'a\u202eb\u2028c\u001b[31m', /declined: a b c \[31m$/],
    ['NO\nBALANCE', '', /declined: NO BALANCE$/],
    ['X'.repeat(33), 'y'.repeat(200), /declined: y{200}$/]
  ]
  for (const [word, reason, says] of strange) {
    const error = await answer(word, reason)
    assert.deepEqual([error.code, error.word], ['DECLINED', ''])
    assert.match(error.message, says)
  }
})

const early: Partial<Record<Method, (rawPeer: RawPeer) => Buffer>> = {
  quote: rawPeer => rawPeer.wrap('quote-request', seller.leastRequest()),
  progress: rawPeer => rawPeer.wrap('agreement-reference', { agreement: Buffer.alloc(32) }),
  end: rawPeer => rawPeer.wrap('end', { agreement: Buffer.alloc(32), reason: '' })
}

test('a request before the hello ends the connection', LIMIT, async () => {
  for (const method of Object.keys(RESOURCES.messages) as Method[]) {
    const request = early[method]
    if (!request) continue
    const rawPeer = await stranger()
    await assert.rejects(rawPeer.send(method, request(rawPeer)))
    await rawPeer.disconnected()
  }
  unchanged(0)
})

test('malformed and oversized requests end the connection and change nothing', LIMIT, async () => {
  const good = seller.leastRequest()
  const whole = encode('request', { id: Buffer.alloc(32), body: encode('quote-request', good) })
  const cases: [string, Buffer | null][] = [
    ['quote', null],
    ['quote', Buffer.from('garbage')],
    ['quote', crypto.randomBytes(200)],
    ['quote', whole.subarray(0, -1)],
    ['quote', Buffer.concat([whole, Buffer.from([0])])],
    ['quote', encode('request', { id: Buffer.alloc(32), body: Buffer.alloc(0) })],
    ['quote', encode('request', { id: Buffer.alloc(32), body: Buffer.alloc(4 << 20) })],
    ['audit', encode('request', { id: Buffer.alloc(32), body: Buffer.alloc(1 << 20) })],
    ['hello', Buffer.alloc(10 << 20)]
  ]
  for (const [method, bytes] of cases) {
    const rawPeer = await stranger()
    await rawPeer.greet()
    await assert.rejects(rawPeer.send(method, bytes))
    await rawPeer.disconnected()
  }
  unchanged(0)
})

test('a flood of requests ends the connection, even spread over several channels', LIMIT, async () => {
  const rawPeer = await stranger()
  await rawPeer.greet()
  const request = (): Promise<unknown> =>
    rawPeer.send('progress', rawPeer.wrap('agreement-reference', { agreement: Buffer.alloc(32) }))
  const answers = Promise.allSettled(Array.from({ length: 600 }, request))
  await rawPeer.disconnected()
  const outcomes = await answers
  assert.ok(outcomes.some(({ status }) => status === 'rejected'))
  unchanged(0)

  const again = await stranger()
  for (let i = 0; i < 40 && !again.stream.destroyed; i++) {
    const channel = i === 0 ? again : new RawPeer(again.side, again.stream)
    await channel.greet().catch(() => undefined) // fails once the connection has ended
    const reference = channel.wrap('agreement-reference', { agreement: Buffer.alloc(32) })
    await Promise.allSettled(Array.from({ length: 50 }, () => channel.send('progress', reference)))
    channel.rpc.destroy()
  }
  await again.disconnected()
  unchanged(0)
})

test('who is cut off is told of by the bound, as a count and not in a line each', LIMIT, async () => {
  const { side } = seller
  await side.close()
  const said = side.lines.filter(({ message }) => message === 'peer cut off').map(({ fields }) => fields)
  const bounds = said.map(({ bound }) => bound)
  assert.ok(bounds.includes('MALFORMED') && bounds.includes('UNEXPECTED'), bounds.join(' '))
  const times = said.reduce((sum, { times }) => sum + Number(times), 0)
  assert.ok(times >= 11 && said.length < times, `${times} times in ${said.length} lines`)
  await side.open()
})

test('a provider with malformed answers loses its connection', LIMIT, async () => {
  const [buyer, liar] = [await group.side(), await group.side()]
  await liar.deals.close()
  liar.network.on('connection', stream => {
    new RawPeer(liar, stream).rpc.respond('hello', async () => crypto.randomBytes(100))
  })
  await assert.rejects(buyer.deals.open(liar.device, { timeoutMs: 5_000 }), { code: 'MALFORMED' })
  assert.deepEqual(buyer.faults, [])
})

test('a decline is one line of plain text, whatever the peer sent', LIMIT, async () => {
  const [buyer, liar] = [await group.side(), await group.side()]
  await liar.deals.close()
  liar.network.on('connection', stream => {
    const decline = { code: 'evil code\n', reason: `\u001b[2Jone\ntwo ${'x'.repeat(5000)}` }
    new RawPeer(liar, stream).rpc.respond('hello', async () => encode('reply', { decline }))
  })
  const error = await buyer.deals.open(liar.device, { timeoutMs: 5_000 }).then(
    () => assert.fail(),
    (reason: unknown) => reason as { code: string; message: string }
  )
  assert.equal(error.code, 'DECLINED')
  assert.doesNotMatch(error.message, /[\u0000-\u001f]/)
  assert.ok(error.message.length < 300)
})
