import assert from 'node:assert/strict'
import { test } from 'node:test'
import crypto from 'hypercore-crypto'
import type { MarketFork, SignedHead } from '#spec'
import { storedForks } from '../../../src/book/forks.js'
import { forkNote } from '../../../src/book/market.js'
import { FORKS_OF_A_MARKET, MOST_FORKS } from '../../../src/book/tables.js'
import { homeStore } from '../../../src/node/home-store.js'
import { folder } from '../../parts/folder.js'

const bytes = crypto.randomBytes
const head = (length: number): SignedHead => ({ length, fork: 0, hash: bytes(32), signature: bytes(64) })

function forkOf(market: Buffer, length: number): MarketFork {
  const keys = { market, view: bytes(32), founder: bytes(32), hash: bytes(32) }
  return { ...keys, found: 1, first: head(length), second: head(length) }
}

test('evidence against founders stays over restarts, is kept once for a length, and is bounded', async t => {
  const dir = await folder(t)
  const store = homeStore(dir)
  await store.ready()
  const forks = storedForks(store)
  const market = bytes(32)
  const first = forkOf(market, 1)
  await forks.keep(first)
  await forks.keep(forkOf(market, 1))
  assert.deepEqual(forks.of(market), [first])
  for (let length = 2; length < 20; length++) await forks.keep(forkOf(market, length))
  assert.equal(forks.of(market).length, FORKS_OF_A_MARKET)
  assert.deepEqual(forks.of(bytes(32)), [])
  for (let kept = FORKS_OF_A_MARKET; kept < MOST_FORKS + 5; kept++) await forks.keep(forkOf(bytes(32), 1))
  const late = bytes(32)
  await forks.keep(forkOf(late, 1))
  assert.deepEqual(forks.of(late), [])
  await store.close()

  const again = homeStore(dir, { readOnly: true })
  await again.ready()
  assert.deepEqual(storedForks(again).of(market)[0], first)
  await again.close()
})

test('the note on a fork says in one line what was found, what it means, and what to do', () => {
  assert.equal(
    forkNote('fair'),
    'market fair: its founder has signed two different books and shows them to different people; ' +
      'do not rely on its orders: use another market (bushel market use NAME) and tell its other members'
  )
})
