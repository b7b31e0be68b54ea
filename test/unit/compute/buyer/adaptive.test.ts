import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chanceOf, draw } from '../../../../src/compute/buyer/checks.js'
import { change } from '../../../../src/store/change.js'
import { peerTable } from '../../../../src/deal/tables.js'
import { Buyer } from '../../../parts/compute/buyer.js'
import type { Script } from '../../../parts/compute/fake-providers.js'

const LIE = { exitCode: 9 }
const AUTO = { verify: 'auto' as const }

async function buyerWith(t: { after(fn: () => Promise<void>): void }, ...scripts: Script[]): Promise<Buyer> {
  const buyer = await Buyer.open(t)
  scripts.forEach((script, i) => buyer.fakes.add('abcd'[i]!, script))
  return buyer
}

const agreed = (buyer: Buyer): string[] =>
  buyer.fakes.log.filter(line => line.startsWith('agree')).map(line => line.slice(6))

/** Runs `count` different jobs. */
async function runs(buyer: Buyer, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await buyer.run({ ...AUTO, args: [`run ${i} ${Math.random()}`] })
}

test('the check probability is 1 for an unknown provider, falls with proven results and never reaches 0', () => {
  assert.deepEqual(
    [0, 1, 9, 10, 20, 1000].map(valid => chanceOf({ valid })),
    [1, 1, 1, 0.1, 0.05, 0.001]
  )
  for (let i = 0; i < 100; i++) {
    const drawn = draw()
    assert.ok(drawn >= 0 && drawn < 1)
  }
  assert.equal(new Set(Array.from({ length: 50 }, draw)).size, 50)
})

test('a new provider is checked by a second one; after ten valid results it is checked at random', async t => {
  const buyer = await buyerWith(t, {}, {})
  await runs(buyer, 10)
  assert.equal(buyer.fakes.count('agree'), 20)
  await runs(buyer, 3)
  assert.equal(buyer.fakes.count('agree'), 23)
  assert.deepEqual(agreed(buyer).slice(20), ['a', 'a', 'a'])
  // A result that was not compared adds nothing to the record: the probability is still 1 in 10.
  buyer.draws = [0.0999]
  await runs(buyer, 1)
  assert.equal(buyer.fakes.count('agree'), 25)
  buyer.draws = [0.0999]
  await runs(buyer, 1)
  assert.equal(buyer.fakes.count('agree'), 26, 'after the eleventh comparison the chance is 1 of 11')
})

test('a third provider breaks the tie between two different results, and the wrong one loses its record', async t => {
  const buyer = await buyerWith(t, {}, {}, {})
  const [a] = buyer.fakes.providers
  await runs(buyer, 10)
  a!.script.lie = LIE
  buyer.draws = [0]
  const outcome = await buyer.run(AUTO)
  assert.equal(outcome.exitCode, 0)
  assert.deepEqual(agreed(buyer).slice(20), ['a', 'b', 'c'])
  assert.deepEqual(
    outcome.providers.map(({ verdict }) => verdict),
    ['other', 'equal', 'equal']
  )
  const { identity } = a!.ask
  assert.ok(buyer.experiences.of(identity)!.until > Date.now(), 'it is not asked for a while')
  // Without a record the provider starts over.
  await buyer.store.set(change(peerTable, identity, null))
  delete a!.script.lie
  await runs(buyer, 1)
  assert.deepEqual(agreed(buyer).slice(23), ['a', 'b'])
})

test('the third provider commits to a result before it can learn that the first two differ', async t => {
  const buyer = await buyerWith(t, { lie: LIE }, {}, {})
  await buyer.run(AUTO)
  const { log } = buyer.fakes
  assert.ok(log.indexOf('commit c') < log.indexOf('reveal c'))
  assert.equal(log.filter(line => line === 'reveal a').length, 1)
})

test('two different results are a dispute when there is no third provider', async t => {
  const buyer = await buyerWith(t, { lie: LIE }, {})
  const outcome = await buyer.run(AUTO)
  assert.equal(outcome.status, 'disputed')
  assert.equal(outcome.evidence.length, 2)
  const three = await buyerWith(t, { lie: LIE }, {}, { lie: { exitCode: 7 } })
  const disputed = await three.run(AUTO)
  assert.equal(disputed.status, 'disputed')
  assert.equal(disputed.evidence.length, 3)
})

test('a single result is accepted with a note when there is no second provider', async t => {
  const buyer = await buyerWith(t, {})
  const outcome = await buyer.run(AUTO)
  assert.equal(outcome.status, 'ok')
  assert.ok(buyer.notes.includes('no second provider was found to check the result'))
})

test('a provider cannot tell from its share of the budget whether it is checked', async t => {
  const buyer = await buyerWith(t, {}, {}, {})
  await runs(buyer, 12)
  const shares = buyer.fakes.requests.filter(({ ask }) => ask === buyer.fakes.providers[0]!.ask)
  assert.equal(shares.length, 12)
  assert.equal(new Set(shares.map(({ maxMsat }) => maxMsat)).size, 1)
})

test('a result that two others contradict is never accepted, even when the outputs of those two do not open', async t => {
  const noKey: Script = { failAt: { step: 'collect', code: 'FALSE_KEY' } }
  const buyer = await buyerWith(t, { lie: LIE }, noKey, noKey)
  const outcome = await buyer.run(AUTO)
  assert.equal(outcome.status, 'disputed')
  assert.equal(outcome.evidence.length, 3)
  assert.ok(!buyer.fakes.log.includes('collect a'))
})
