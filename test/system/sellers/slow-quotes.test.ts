import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY } from '../../../contracts/money/quantity.js'
import { callWithShortTimeouts, notesOf } from '../../parts/peers/buyers.js'
import { neverAnswer } from '../../parts/peers/lies.js'
import { openRogueMarket } from '../../parts/peers/rogue-market.js'
import { shown } from '../../parts/peers/rogues.js'
import type { MirrorResult } from '../../world/world.js'

const SAT_PER_GIB = 1000n * 1024n
/** Above and below the honest provider's 100,000. */
const DEAR = 200_000n * SAT_PER_GIB
const CHEAP = 60_000n * SAT_PER_GIB

test('a seller that never answers with a quote does not hold up a mirror for which there are others', async t => {
  const market = await openRogueMarket(t, 'slow quotes')
  const { world, group, path } = market
  const silent = { lies: () => ({ quote: neverAnswer }) }
  const dear = await group.impostor('dear', { price: DEAR, ...silent })
  await world.home('buyer')
  await world.ok('buyer', ['market', 'join', market.market])
  const buy = { path, copies: 1, time: 30 * DAY }

  const first = await callWithShortTimeouts(world, 'buyer', 'mirror', buy)
  assert.equal(first.code, 0, first.stderr)
  assert.deepEqual(notesOf(first), [], 'the dearer one is given up, and nothing is said of it')

  const cheap = await group.impostor('cheap', { price: CHEAP, ...silent })
  const [lease] = (first.result as unknown as MirrorResult).leases
  await world.ok('buyer', ['leases', 'end', lease!])
  const second = await callWithShortTimeouts(world, 'buyer', 'mirror', buy)
  assert.equal(second.code, 0, second.stderr)
  assert.match(
    notesOf(second).find(note => note.includes(shown(cheap.device))) ?? '',
    /did not answer quote in time/
  )
  assert.ok(!notesOf(second).some(note => note.includes(shown(dear.device))))
})
