import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Lease, MirrorJob } from '#spec'
import { DAY } from '../../../../contracts/money/quantity.js'
import { agreementId } from '../../../../contracts/terms.js'
import { change } from '../../../../src/store/change.js'
import { TokenRecorder } from '../../../../src/storage/archive/token-recorder.js'
import { MIRROR } from '../../../../src/storage/buyer/mirror-state.js'
import { writeTokens } from '../../../../src/storage/buyer/upkeep/token-file.js'
import { Tokens } from '../../../../src/storage/buyer/upkeep/tokens.js'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'
import { Leases } from '../../../../src/storage/lease/leases.js'
import { mirrorTable, tokenTable } from '../../../../src/storage/tables.js'
import { folder } from '../../../parts/folder.js'
import { storeIn } from '../../../parts/store/store-in.js'
import { leaseTerms, partiesOf } from '../../../samples/evidence/parties.js'
import { person } from '../../../samples/people.js'

const START = Date.UTC(2030, 0, 1)
const LINK = 'a link'

/** A mirror of two copies for 30 days, with its tokens; `at` is the time, in days since it was packed. */
async function mirror(t: TestContext) {
  const dir = await folder(t)
  const store = storeIn(dir)
  await store.ready()
  t.after(() => store.close())
  const [[buyer], [provider]] = await Promise.all([person(), person()])
  const clock = { at: 0 }
  const leases = new Leases(store)
  const tokenFolder = join(dir, 'tokens')
  const now = (): number => START + clock.at * DAY
  const tokens = new Tokens({ store, leases, folder: tokenFolder, now })
  const plan = tokens.planFor({ copies: 2, time: 30 * DAY, renew: false }, [{ byteLength: 1000 }])
  await writeTokens(tokens.fileOf('films'), new TokenRecorder(plan), START)
  const lease = async (n: number, follows: Lease | null = null): Promise<Lease> => {
    const parties = { ...partiesOf(buyer!, provider!), nonce: Buffer.alloc(32, n) }
    const terms = {
      ...leaseTerms({ ...parties, countersignBy: START, time: 30 * DAY }),
      ...(follows ? { follows: agreementId(follows.terms) } : {})
    }
    const made: Lease = {
      ...{ role: 'buyer', state: LEASE.AGREED, created: START, committed: START, start: START },
      ...{ terms, signature: Buffer.alloc(64), link: LINK }
    }
    await leases.save(made)
    return { ...made, state: LEASE.STORED }
  }
  const job = { store: 'films', link: LINK, state: MIRROR.KEPT, copies: 2, ...BLANK } as MirrorJob
  await store.set(change(mirrorTable, 'films', job))
  const use = async (of: Lease): Promise<string | null> => {
    await tokens.load(of)
    const range = tokens.due(of)
    if (range) await store.set(tokens.use(of, range))
    return range && `${range.set}: ${range.from} to ${range.to}`
  }
  return { store, leases, tokens, tokenFolder, clock, plan, lease, use, job }
}

const BLANK = {
  ...{ path: '/films', fingerprint: Buffer.alloc(32), market: Buffer.alloc(32), files: 1, bytes: 1000 },
  ...{ cores: [], sha256: Buffer.alloc(32), time: 30 * DAY, offer: 0n, maxPrice: 0n, prepayMaxMsat: 0n },
  agreements: [] as Buffer[]
}

test('each copy has a set of its own, and each token is used once', async t => {
  const { clock, lease, use, plan } = await mirror(t)
  assert.deepEqual([plan.sets, plan.days, plan.spans], [4, 60, [1100]])
  const [one, two] = [await lease(1), await lease(2)]
  assert.deepEqual([await use(one), await use(one), await use(two)], ['0: 0 to 0', null, '1: 0 to 0'])
  clock.at = 4.9
  assert.deepEqual([await use(two), await use(one)], ['1: 1 to 4', '0: 1 to 4'])
  clock.at = 44
  assert.equal(await use(one), '0: 14 to 44')
  clock.at = 70
  assert.equal(await use(one), '0: 45 to 59')
  clock.at = 100
  assert.equal(await use(one), null)
})

test('copies that are made anew have spare sets, and never one that another provider has seen', async t => {
  const { lease, use } = await mirror(t)
  const sets: (string | null)[] = []
  for (let n = 1; n <= 5; n++) sets.push(await use(await lease(n)))
  assert.deepEqual(sets, ['0: 0 to 0', '1: 0 to 0', '2: 0 to 0', '3: 0 to 0', null])
})

test('two copies that are audited at the same time have different sets', async t => {
  const { store, tokens, lease } = await mirror(t)
  const both = [await lease(1), await lease(2)]
  const ranges = await Promise.all(
    both.map(async one => {
      await tokens.load(one)
      const range = tokens.due(one)!
      await store.set(tokens.use(one, range))
      return range.set
    })
  )
  assert.deepEqual(ranges, [0, 1])
})

test('a lease that follows others has the set of the last one that has one', async t => {
  const { lease, use, clock } = await mirror(t)
  const first = await lease(1)
  await use(first)
  const third = await lease(3, await lease(2, first))
  clock.at = 2
  assert.equal(await use(third), '0: 1 to 2')
})

test('a lease that follows another one has its set once it has begun', async t => {
  const { lease, use, clock } = await mirror(t)
  const before = await lease(1)
  assert.equal(await use(before), '0: 0 to 0')
  const next = await lease(2, before)
  clock.at = 3
  assert.equal(await use({ ...next, state: LEASE.NEXT }), null)
  assert.equal(await use(before), '0: 1 to 3')
  clock.at = 31
  assert.equal(await use(next), '0: 4 to 31')
})

test('a home that was restored uses no token that a provider may have seen', async t => {
  const { tokens, lease, use, clock } = await mirror(t)
  const one = await lease(1)
  await use(one)
  clock.at = 9.5
  await tokens.burn()
  assert.equal(await use(one), null)
  assert.equal(await use(await lease(2)), null, 'nor of a set that it does not know to be used')
  clock.at = 10.1
  assert.equal(await use(one), '0: 10 to 10')
  assert.equal(await use(await lease(2)), '1: 10 to 10')
})

test('the tokens of a mirror go when it has no copy and is not packed', async t => {
  const { store, tokens, tokenFolder, lease, leases, use, job } = await mirror(t)
  const one = await lease(1)
  await use(one)
  await store.set(change(mirrorTable, 'films', { ...job, agreements: [agreementId(one.terms)] }))
  await tokens.sweep()
  assert.deepEqual(await readdir(tokenFolder), ['films'])
  await leases.save({ ...one, state: LEASE.VOID })
  await tokens.sweep()
  assert.deepEqual(await readdir(tokenFolder), [])
  assert.deepEqual([...store.table(tokenTable).list()], [])
})
