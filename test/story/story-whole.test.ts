import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import test from 'node:test'
import z32 from 'z32'
import { parseLink } from '../../contracts/keys/link.js'
import { mirrorOf } from '../world/resume.js'
import { settled } from '../world/payments.js'
import { checksum, look, makeTree, noise, search } from '../samples/tree.js'
import { World } from '../world/world.js'
import type { MirrorResult, RestoreResult } from '../world/world.js'
import type { WalletEntry } from '../../src/node/api/api.js'
import { unseen } from '../parts/book/unseen.js'

const MARKER = 'a-diary-that-nobody-else-may-read-4711'
const NAME = 'Über die Dörfer – 夏.txt'

test('the whole story runs from offers to a restore without the buyer', { timeout: 120_000 }, async t => {
  const { world, market } = await World.withMarket(t)
  const [cheap, middle, dear] = await Promise.all([
    world.seller('cheap', market, '2000 sat/GiB-month'),
    world.seller('middle', market, '2500 sat/GiB-month', '--space', '1GiB', '--region', 'eu'),
    world.seller('dear', market, '9000 sat/GiB-month', '--space', '2GiB')
  ])
  await world.join('buyer', market)

  // The book is best first and the same on every node.
  const three = await world.book('buyer', book => book.asks.length === 3)
  assert.deepEqual(
    three.asks.map(ask => ask.device),
    [cheap.device, middle.device, dear.device]
  )
  assert.deepEqual(
    three.asks.map(ask => ask.id),
    [cheap.ask, middle.ask, dear.ask]
  )
  assert.equal(three.asks[0]!.identity, cheap.identity)
  assert.equal(three.asks[1]!.region, 'eu')
  assert.equal(three.asks[1]!.space, 1024 ** 3)
  assert.equal(BigInt(three.asks[0]!.price), 2000n * 1000n * 1024n)
  const elsewhere = await world.book('dear', book => book.viewHash === three.viewHash)
  assert.deepEqual(elsewhere.asks.map(unseen), three.asks.map(unseen))

  const source = world.at('source')
  await makeTree(source, {
    'readme.md': `${MARKER}\n`.repeat(40),
    [`letters/${NAME}`]: `${MARKER} ${NAME}`,
    'bin/run': { executable: '#!/bin/sh\necho hello\n' },
    'bin/latest': { link: 'run' },
    'up/readme': { link: '../readme.md' },
    'empty.bin': '',
    'film.bin': Buffer.concat([Buffer.from(MARKER), noise('film', 3 << 20)])
  })
  const before = await look(source)

  const worth = { buyer: await world.wallet('buyer'), cheap: await world.wallet('cheap') }
  const mirror = await world.ok<MirrorResult>('buyer', mirrorOf(source))
  assert.equal(mirror.copies, 2)
  assert.equal(mirror.files, 5)
  assert.equal(mirror.leases.length, 2)
  assert.ok(mirror.storedBytes > mirror.bytes)
  assert.equal(
    mirror.bytes,
    Object.values(before).reduce((sum, { kind, size }) => sum + (kind === 'file' ? size : 0), 0)
  )

  // Who was paid what, in three ledgers.
  const bought = await world.leases('buyer')
  const sold = (await Promise.all(['cheap', 'middle', 'dear'].map(name => world.leases(name)))).flat()
  assert.deepEqual(new Set(bought.map(lease => lease.id)), new Set(mirror.leases))
  assert.deepEqual(new Set(bought.map(lease => lease.device)), new Set([cheap.device, middle.device]))
  assert.deepEqual(new Set(bought.map(lease => lease.identity)), new Set([cheap.identity, middle.identity]))
  await assertOneId(world, mirror.leases)
  assert.equal(settled(bought, sold), BigInt(mirror.paidMsat))
  for (const lease of bought) {
    assert.equal(lease.state, 'STORED')
    assert.equal(lease.link, mirror.link)
    assert.ok(lease.receipts.length >= 4, `paid in installments: ${lease.receipts.length}`)
    assert.equal(lease.until, lease.ends, 'the whole term is paid')
  }
  const after = { buyer: await world.wallet('buyer'), cheap: await world.wallet('cheap') }
  assert.ok(
    worth.buyer.spendable - after.buyer.spendable >= BigInt(mirror.paidMsat) + BigInt(mirror.feesMsat)
  )
  const earned = BigInt(sold.find(lease => mirror.leases[0] === lease.id)!.earnedMsat)
  assert.ok(after.cheap.spendable - worth.cheap.spendable >= earned)

  // The buyer is gone with all of its keys.
  await world.kill('buyer')
  await rm(world.at('buyer'), { recursive: true })

  await t.test('a provider has neither text nor names nor keys', async () => {
    const { encryptionKey } = parseLink(mirror.link)
    const needles = {
      content: Buffer.from(MARKER),
      name: Buffer.from(NAME),
      'short name': Buffer.from('film.bin'),
      key: encryptionKey,
      'key in hex': Buffer.from(encryptionKey.toString('hex')),
      'key in z32': Buffer.from(z32.encode(encryptionKey)),
      link: Buffer.from(mirror.link.slice('bushel://'.length))
    }
    for (const name of ['cheap', 'middle']) assert.deepEqual(await search(world.at(name), needles), [])
    assert.ok((await search(source, needles)).length >= 3, 'the search finds what is there')
  })

  await t.test('a reader with only the link gets the tree back', async () => {
    await world.init('reader')
    const dest = world.at('restored')
    const restore = await world.ok<RestoreResult>('reader', ['restore', mirror.link, dest])
    assert.deepEqual(await look(dest), before)
    assert.equal(restore.sha256, checksum(before))
    assert.deepEqual([restore.path, restore.files, restore.bytes], [dest, mirror.files, mirror.bytes])

    // Once more: a different file is overwritten only with force.
    await makeTree(dest, { 'readme.md': 'mine' })
    await world.fails('reader', ['restore', mirror.link, dest], 2)
    assert.equal((await look(dest))['readme.md']!.size, 4)
    await world.ok('reader', ['restore', mirror.link, dest, '--force'])
    assert.deepEqual(await look(dest), before)
  })
})

test('a single file is restored as the destination itself', { timeout: 60_000 }, async t => {
  const { world, market } = await World.withMarket(t)
  await world.seller('seller', market, '500 sat/GiB-month')
  await makeTree(world.at('music'), { 'song.flac': noise('song', 400_000) })
  // No node runs on this home: the command opens one for itself.
  await world.init('buyer')
  await world.ok('buyer', ['market', 'join', market])
  const file = world.at('music', 'song.flac')
  const options = ['--copies', '1', '--time', '30d']
  const plan = await world.ok<MirrorResult>('buyer', ['--dry-run', 'mirror', file, ...options])
  assert.equal(plan.dryRun, true)
  assert.deepEqual(await world.leases('buyer'), [])
  const { link, files, bytes, ...done } = await world.ok<MirrorResult>('buyer', ['mirror', file, ...options])
  assert.deepEqual([files, bytes], [1, 400_000])
  for (const what of ['paidMsat', 'chargeMsat', 'storedBytes'] as const)
    assert.ok(
      BigInt(plan[what]) >= BigInt(done[what]),
      `${what}: ${plan[what]} were told, it is ${done[what]}`
    )
  // A second lease uses the channel of the first: to the msat, one wallet gains what the other loses.
  const before = { buyer: await world.wallet('buyer'), seller: await world.wallet('seller') }
  const more = await world.ok<MirrorResult>('buyer', [
    'mirror',
    file,
    '--copies',
    '1',
    '--time',
    '60d',
    '--ahead',
    'all'
  ])
  const after = { buyer: await world.wallet('buyer'), seller: await world.wallet('seller') }
  assert.equal(before.buyer.spendable - after.buyer.spendable, BigInt(more.paidMsat) + BigInt(more.feesMsat))
  assert.equal(after.seller.spendable - before.seller.spendable, BigInt(more.paidMsat))
  assert.ok(BigInt(more.paidMsat) >= 1000n)

  await world.init('reader')
  const restore = await world.ok<RestoreResult>('reader', ['restore', link, world.at('music', 'out.flac')])
  const one = await look(world.at('music'))
  assert.equal(one['out.flac']!.sha256, one['song.flac']!.sha256)
  assert.equal(restore.sha256, checksum({ 'song.flac': one['song.flac']! }), 'a tree of one, by its own name')
})

/** The wallet's history and the ledger name the agreements of a buyer as `leases` does. */
async function assertOneId(world: World, leases: readonly string[]): Promise<void> {
  const { records } = await world.ok<{ records: WalletEntry[] }>('buyer', ['wallet', 'history'])
  const { entries } = await world.ok<{ entries: { agreement: string }[] }>('buyer', ['log'])
  const named = [...records, ...entries].map(({ agreement }) => agreement)
  assert.ok(records.length > 0 && entries.length > 0)
  assert.deepEqual(new Set(named), new Set(leases))
}
