import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Result } from '../../../src/node/api/api.js'
import type { Harm } from '../../parts/book/rogue-writer.js'
import type { RogueOrder } from '../../parts/book/rogue-writer.js'
import { World } from '../../world/world.js'

const ROGUE = new URL('../../parts/book/rogue-writer.js', import.meta.url)
const LIMIT = { timeout: 120_000 }

type Markets = Result<'market.list'>['markets']

const { world, market: sound } = await World.withMarket({ after })
const rogue = world.processes.fork(ROGUE, {
  options: { dir: world.at('rogue'), port: Number(world.processes.bootstrap!.split(':')[1]) }
})
const ask = <T>(order: RogueOrder): Promise<T> => rogue.ask<T>(order)
const { device: relay } = await rogue.next<{ device: string }>()
let victim = await world.join('victim', sound)

const listed = async (): Promise<Markets> =>
  (await world.ok<{ markets: Markets }>('victim', ['market', 'list'])).markets
const isBroken = (markets: Markets, key: string): boolean =>
  markets.some(market => market.key === key && market.state === 'broken')

/** Resolves when the victim has told that the market is broken. */
async function broken(key: string): Promise<string> {
  await victim.process.line(({ market, message }) => market === key && /is closed/.test(String(message)))
  return (await listed()).find(market => market.key === key)!.warning
}

const REASONS: Record<Exclude<Harm, 'as many bytes as its line carries'>, RegExp> = {
  'one head twice': /it names one head twice/,
  'a head of its own to come': /it stands on a block that is not before it/,
  'a head of no length': /it stands on a block that is not before it/,
  'no message': /is malformed/,
  'no bytes': /is malformed/,
  'a batch without an end': /its batch of 1000000 blocks is none/,
  'a batch of none': /its batch of 0 blocks is none/,
  'a batch that rises': /its batch of 3 blocks is none/,
  'a block of megabytes': /it has \d+ bytes/,
  'signatures of nothing': /its signatures are incomplete/
}

for (const [harm, reason] of Object.entries(REASONS)) {
  test(`a founder whose block has ${harm} breaks its market and nothing else`, LIMIT, async () => {
    const key = await ask<string>({ found: harm })
    const { name } = await world.ok<{ name: string }>('victim', ['market', 'join', key])
    assert.equal(name, harm)
    await ask({ harm: harm as Harm, market: key })
    assert.match(await broken(key), reason)
    assert.ok(victim.process.running)
  })
}

test('a node with broken markets starts again, and its sound market works', LIMIT, async () => {
  await world.stop('victim')
  victim = await world.up('victim')
  const markets = await listed()
  assert.equal(markets.length, 1 + Object.keys(REASONS).length)
  assert.deepEqual(
    markets.filter(({ state }) => state === 'open').map(({ key }) => key),
    [sound]
  )
  const { notes } = await world.ok<{ notes: string[] }>('victim', ['status'])
  assert.equal(notes.filter(note => note.includes('market leave')).length, Object.keys(REASONS).length)
  await sell()
})

test(
  'a broken market is opened by no command until it is joined again, and then tells why it is closed',
  LIMIT,
  async () => {
    const [broken] = (await listed()).filter(({ state }) => state === 'broken')
    for (const args of [
      ['--market', broken!.key, 'book'],
      ['--market', broken!.name, 'sell', 'storage', '--price', '1000 sat/GiB-month', '--space', '1GiB'],
      ['market', 'use', broken!.name],
      ['market', 'join', broken!.key]
    ]) {
      const { code, message } = await world.fails('victim', args, 1)
      assert.equal(code, 'MARKET_BROKEN', args.join(' '))
      assert.match(message, REASONS[broken!.name as keyof typeof REASONS])
    }
    assert.ok(isBroken(await listed(), broken!.key))
  }
)

// Before the next one, whose block a bare Autobase cannot read.
test(
  'a relay whose block is malformed is not followed any further, and its market goes on',
  LIMIT,
  async () => {
    await world.ok('founder', ['market', 'admit', relay])
    await ask({ relay: sound })
    await ask({ harm: 'one head twice', market: sound })
    await victim.process.line(({ message }) => /a relay wrote a malformed block/.test(String(message)))
    await world.ok('victim', ['withdraw', (await sell()).id])
    assert.deepEqual((await listed()).find(({ key }) => key === sound)?.state, 'open')
    assert.deepEqual(
      (await world.ok<{ markets: Markets }>('founder', ['market', 'list'])).markets[0]?.state,
      'open'
    )
  }
)

test(
  'a market is left while the node runs, with its orders withdrawn, and without a node',
  LIMIT,
  async () => {
    const [broken, other] = (await listed()).filter(({ state }) => state === 'broken')
    const leave = (market: string): Promise<Result<'market.leave'>> =>
      world.ok('victim', ['market', 'leave', market])
    assert.deepEqual(await leave(broken!.name), {
      key: broken!.key,
      name: broken!.name,
      withdrawn: 0,
      unsaid: 0
    })
    await sell()
    const { withdrawn, unsaid } = await leave('bazaar')
    assert.ok(withdrawn > 0)
    assert.equal(unsaid, 0)
    await world.book('founder', ({ asks }) => asks.length === 0)

    await world.stop('victim')
    assert.equal((await leave(other!.key)).key, other!.key)
    await world.fails('victim', ['market', 'leave', other!.key], 3)
    const left = [broken!.key, other!.key, sound]
    assert.ok((await listed()).every(({ key }) => !left.includes(key)))

    victim = await world.up('victim')
    const { name } = await world.ok<{ name: string }>('victim', ['market', 'join', sound])
    assert.equal(name, 'bazaar')
    await sell()
  }
)

const sell = (): Promise<{ id: string }> =>
  world.ok('victim', [
    '--market',
    sound,
    'sell',
    'storage',
    '--price',
    '1000 sat/GiB-month',
    '--space',
    '256MiB'
  ])
