import assert from 'node:assert/strict'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, test } from 'node:test'
import { BushelError } from '../../../../contracts/errors/error.js'
import { DAY } from '../../../../contracts/money/quantity.js'
import { hashOf } from '../../../../contracts/schema/codec.js'
import { TOKEN_ANSWERS } from '../../../../src/base/bounds/bounds.js'
import { mirrorTable } from '../../../../src/storage/tables.js'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'
import { openPair } from './open-pair.js'
import type { DealPair } from './deal-pair.js'

let pair: DealPair
let close: () => Promise<void>
const never = new AbortController().signal

beforeEach(async () => {
  ;({ pair, close } = await openPair())
  pair.makesTokens = true
})

afterEach(() => close())

/** How often each kind of audit was asked for. */
function questions(): Record<'token' | 'block' | 'audit', number> {
  const asked = { token: 0, block: 0, audit: 0 }
  pair.wire.chooseFault = ({ method, way }) => {
    if (way === 'request' && method in asked) asked[method as keyof typeof asked]++
    return null
  }
  return asked
}

/** The file of the only mirror's tokens. */
function tokenFile(): string {
  const [job] = [...pair.buyer.store.table(mirrorTable).list()]
  return pair.tokens.fileOf(job!.key)
}

test('a token is used once, on its day or later, and random blocks are asked for beside', async () => {
  const id = await pair.deal({ installments: 3 })
  const asked = questions()
  const samples = await pair.buyerLease(id).check(never)
  assert.ok(samples > 3, 'pieces, not blocks')
  assert.deepEqual(asked, { token: 1, block: 0, audit: 0 })
  assert.equal(await pair.buyerLease(id).check(never), 3, 'today has no other token')
  pair.later = 5.5 * DAY
  await pair.buyerLease(id).check(never)
  assert.deepEqual(asked, { token: 6, block: 0, audit: 1 }, 'a visit uses the tokens of all days since')
  pair.later = 50.5 * DAY
  await pair.buyerLease(id).check(never)
  assert.equal(asked.token - 6, 31, 'after a longer absence those of the last days')
  pair.later = 1000 * DAY
  assert.equal(await pair.buyerLease(id).check(never), 3, 'no token is left')
})

test('the tokens of a challenge stay the same until they are answered', async () => {
  const id = await pair.deal({ installments: 3 })
  const keys: string[] = []
  const tags = pair.shelf.tags.bind(pair.shelf)
  pair.shelf.tags = (lease, token, sealed) => {
    keys.push(token.key.toString('hex'))
    return keys.length === 1 ? Promise.reject(new Error('the disk is asleep')) : tags(lease, token, sealed)
  }
  await assert.rejects(pair.buyerLease(id).check(never))
  assert.equal(pair.buyer.leases.health(pair.buyer.leases.get('buyer', id)!), 'unanswered')
  pair.later = 2.2 * DAY
  await pair.buyerLease(id).check(never)
  assert.equal(keys.length, 2)
  assert.equal(keys[1], keys[0])
  await pair.buyerLease(id).check(never)
  assert.equal(keys.length, 4, 'then those of the days since')
})

test('an audit that breaks off goes on after the tokens that were answered, and asks none twice', async () => {
  const id = await pair.deal({ installments: 3 })
  pair.later = 20.5 * DAY
  const keys: string[] = []
  const tags = pair.shelf.tags.bind(pair.shelf)
  pair.shelf.tags = (lease, token, sealed) => {
    keys.push(token.key.toString('hex'))
    return keys.length % 8 === 0 ? Promise.reject(new Error('it breaks off')) : tags(lease, token, sealed)
  }
  for (let tries = 0; tries < 2; tries++) await assert.rejects(pair.buyerLease(id).check(never))
  await pair.buyerLease(id).check(never)
  assert.equal(new Set(keys).size, 21)
  assert.equal(keys.length, 21 + 2, 'only what was not answered is asked again')
  assert.deepEqual(pair.buyer.leases.auditOf(id).tokens, null)
})

test('a provider that has lost a byte is found by the tokens, and cannot talk itself out', async () => {
  const id = await pair.deal({ installments: 3 })
  const asked = questions()
  const tags = pair.shelf.tags.bind(pair.shelf)
  const proofAt = pair.shelf.proofAt.bind(pair.shelf)
  pair.shelf.tags = async (...call) => (await tags(...call)).fill(7, 0, 4)
  pair.shelf.proofAt = async (...call) => {
    const proof = await proofAt(...call)
    return { ...proof, value: Buffer.alloc(proof.value!.byteLength) }
  }
  await assert.rejects(pair.buyerLease(id).check(never), { code: 'BAD_PEER' })
  assert.deepEqual(asked, { token: 1, block: 1, audit: 0 })
  assert.equal(pair.buyer.leases.get('buyer', id)!.state, LEASE.LAPSING)
  assert.match(pair.buyer.leases.auditOf(id).failing!, /is not proven/)
})

test('a provider that answers with wrong tags and has the block is not believed either', async () => {
  const id = await pair.deal({ installments: 3 })
  const tags = pair.shelf.tags.bind(pair.shelf)
  pair.shelf.tags = async (...call) => (await tags(...call)).fill(7, 0, 4)
  await assert.rejects(pair.buyerLease(id).check(never), { code: 'BAD_PEER' })
  assert.match(pair.buyer.leases.auditOf(id).failing!, /is not what was sealed/)
})

test('a provider that says that it has lost a block is given up', async () => {
  const id = await pair.deal({ installments: 3 })
  pair.shelf.tags = () => Promise.reject(new BushelError('BLOCK_MISSING', 'block 1 is not in the store'))
  await assert.rejects(pair.buyerLease(id).check(never), { code: 'BAD_PEER' })
})

test('rotten tokens of ours condemn nobody: random blocks are asked for from then on', async () => {
  const id = await pair.deal({ installments: 3 })
  const file = tokenFile()
  const bytes = await readFile(file)
  await writeFile(file, bytes.fill(0, 512 + 32))
  const asked = questions()
  assert.equal(await pair.buyerLease(id).check(never), 3)
  assert.deepEqual(asked, { token: 1, block: 1, audit: 1 })
  pair.later = 1.5 * DAY
  await pair.buyerLease(id).check(never)
  assert.deepEqual(asked, { token: 1, block: 1, audit: 2 })
})

test('tokens that are gone from our disk leave no challenge open', async () => {
  const id = await pair.deal({ installments: 3 })
  pair.wire.chooseFault = ({ method, way }) => (method === 'token' && way === 'request' ? 'lost' : null)
  await assert.rejects(pair.buyerLease(id).check(never))
  await rm(tokenFile())
  assert.equal(await pair.buyerLease(id).check(never), 3)
})

test('tokens that cannot be read are passed over, and are used again once they can be', async () => {
  const id = await pair.deal({ installments: 3 })
  const file = tokenFile()
  const bytes = await readFile(file)
  await rm(file)
  await mkdir(file)
  assert.equal(await pair.buyerLease(id).check(never), 3)
  await rm(file, { recursive: true })
  await writeFile(file, bytes)
  assert.ok((await pair.buyerLease(id).check(never)) > 3)
})

test('a rotten head of a file of tokens condemns nobody', async () => {
  const id = await pair.deal({ installments: 3 })
  const file = tokenFile()
  const bytes = await readFile(file)
  for (let at = 0; at < 40; at++) {
    const rotten = Buffer.from(bytes)
    rotten[at]! ^= 0xff
    await writeFile(file, rotten)
    await pair.buyerLease(id).check(never)
    pair.later += DAY
  }
  assert.deepEqual(
    [pair.buyer.leases.auditOf(id).failing, pair.buyer.leases.auditOf(id).unanswered],
    [null, 0]
  )
})

test('more tokens than there are days are not answered', async () => {
  const id = await pair.deal({ installments: 3 })
  const lease = pair.buyer.leases.get('buyer', id)!
  const channel = await pair.buyerLease(id).channel()
  const ask = (): Promise<unknown> =>
    channel.request('token', {
      seal: hashOf('seal', lease.seal!.seal),
      key: Buffer.alloc(32, 1),
      samples: 16,
      spans: [1000]
    })
  for (let i = 0; i < TOKEN_ANSWERS.burst; i++) await ask()
  await assert.rejects(ask(), { code: 'DECLINED' })
})
