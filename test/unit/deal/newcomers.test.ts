import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { BushelError } from '../../../contracts/errors/error.js'
import { HOUR, MINUTE } from '../../../contracts/money/quantity.js'
import { Experiences } from '../../../src/deal/sellers/experience.js'
import { inOrder } from '../../../src/deal/sellers/matching.js'
import { Newcomers } from '../../../src/deal/sellers/newcomers.js'
import { folder } from '../../parts/folder.js'
import { storeIn } from '../../parts/store/store-in.js'

const key = (n: number): Buffer => Buffer.alloc(32, n)
const seller = (n: number) => ({ identity: key(n), device: key(n + 100) })
const silent = (): BushelError => new BushelError('STALLED', 'it does not answer')

async function experiencesOf(t: TestContext, now: () => number): Promise<Experiences> {
  const store = storeIn(join(await folder(t), 'store'))
  await store.ready()
  t.after(() => store.close())
  return new Experiences(store, now)
}

test('a newcomer counts by how newcomers fared lately, and less so as time passes', () => {
  let now = 0
  const newcomers = new Newcomers(() => now)
  assert.equal(newcomers.risk, 0)
  newcomers.count(true)
  assert.equal(newcomers.risk, 0)
  for (let i = 0; i < 15; i++) newcomers.count(false)
  assert.equal(newcomers.risk, 15 / 20)
  now += HOUR
  assert.equal(newcomers.risk, 7.5 / 12)
  now -= 10 * HOUR
  assert.equal(newcomers.risk, 7.5 / 12, 'a clock that is set back changes nothing')
})

test('the cheapest of fresh identities come behind a seller that has served, once others like them have failed', async t => {
  const experiences = await experiencesOf(t, () => 0)
  for (let i = 0; i < 5; i++) await experiences.good(key(1))
  const asks = [1, 2].map(n => ({ id: key(n), ...seller(n), price: n === 1 ? 1000n : 400n }))
  const first = (): number => inOrder(asks, ({ price }) => price, experiences.toward, 0)[0]!.id[0]!
  assert.equal(first(), 2, 'the cheapest comes first')
  for (let n = 10; n < 20; n++) {
    const error = n % 2 ? silent() : new BushelError('BAD_ANSWER', 'a bad answer')
    await experiences.failed(seller(n), error)
  }
  assert.equal(first(), 1)
  for (let n = 20; n < 40; n++) await experiences.good(key(n))
  assert.equal(first(), 2, 'newcomers have served well since')
})

test('the price of a seller that may fail counts as at most 20 times as high', () => {
  const record = { good: 0, bad: 0, until: 0, risk: 0.9999 }
  const asks = [1, 2].map(n => ({ id: key(n), ...seller(n), price: n === 1 ? 201n : 10n }))
  const experience = (identity: Buffer) => (identity[0] === 2 ? record : null)
  assert.equal(inOrder(asks, ({ price }) => price, experience, 0)[0]!.id[0], 2)
})

test('a seller that falls silent is dialled last for ten minutes and blamed for nothing', async t => {
  let now = 0
  const experiences = await experiencesOf(t, () => now)
  const asks = [seller(1), seller(2)]
  await experiences.failed(seller(1), silent())
  assert.equal(experiences.of(key(1)), null)
  assert.deepEqual(experiences.slow.last(asks), [seller(2), seller(1)])
  now += 10 * MINUTE
  assert.deepEqual(experiences.slow.last(asks), asks)
})

test('a deal that waits for newcomers makes the next ones count as dearer, and blames nobody', async t => {
  const experiences = await experiencesOf(t, () => 0)
  await experiences.good(key(9))
  const away = new BushelError('PEER_UNREACHABLE', 'it is away')
  experiences.dialled({ slower: [seller(1), seller(9)], failed: [{ ask: seller(2), error: away }] })
  assert.equal(experiences.of(key(1)), null)
  assert.equal(experiences.toward(key(3)).risk, 1 / 6, 'of one that served, and one that was waited for')
  assert.deepEqual(experiences.slow.last([seller(2), seller(1), seller(9), seller(3)])[0], seller(3))
})

test('a seller that declines, or that our own wallet cannot pay, is dialled as before', async t => {
  const experiences = await experiencesOf(t, () => 0)
  for (const code of ['DECLINED', 'NO_ROUTE', 'WALLET_BUSY'] as const)
    await experiences.failed(seller(1), new BushelError(code, 'no'))
  assert.equal(experiences.of(key(1)), null)
  assert.deepEqual(experiences.slow.last([seller(1), seller(2)])[0], seller(1))
  assert.equal(experiences.toward(key(3)).risk, 0)
})

test('a device that could not be reached is dialled last for three minutes', async t => {
  let now = 0
  const { slow } = await experiencesOf(t, () => now)
  const asks = [seller(1), seller(2)]
  slow.away(seller(1).device)
  assert.deepEqual(slow.last(asks), [seller(2), seller(1)])
  now += 3 * MINUTE
  assert.deepEqual(slow.last(asks), asks)
})
