import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { NoiseStream } from 'hyperdht'
import ProtomuxRPC from 'protomux-rpc'
import { hashOf } from '../../../../contracts/schema/codec.js'
import { formatKey } from '../../../../contracts/keys/key.js'
import { billedBytes, parsePrice } from '../../../../contracts/money/money.js'
import { KIB, MIB } from '../../../../contracts/money/quantity.js'
import { sign } from '../../../../contracts/keys/signature.js'
import { agreementId } from '../../../../contracts/terms.js'
import { PROTOCOL } from '../../../../src/deal/channel.js'
import type { StatusResult } from '../../../../src/node/api/api.js'
import { occupiedBytes, orNothing } from '../../../../src/files/disk.js'
import { noise } from '../../../samples/tree.js'
import { World } from '../../../world/world.js'
import type { LeaseEntry } from '../../../world/world.js'
import { addressOf } from '../../../parts/peers/buyers.js'
import { flipped } from '../../../parts/peers/lies.js'
import { agreementRequest } from '../../../parts/deal/sides.js'
import { RogueBuyer, limitOf, sealOf } from '../../../parts/peers/rogue-buyer.js'
import type { Offer, Purchase } from '../../../parts/peers/rogue-buyer.js'
import { closing, read, stranger, wrapped } from '../../../parts/peers/strangers.js'

const PRICE = '100000 sat/GiB-month'
/** What a shelf occupies beside the blocks, bytes: the folders and the store of each core. */
const FOLDERS = 64 * KIB
const STORE = 256 * KIB
/** What an open store may hold twice, bytes: its log. */
const LOG = 2 * MIB

test('a provider loses nothing to buyers that cheat', async t => {
  const world = await World.open(t)
  const market = await world.found('lease manager', 'fair')
  const { id } = await world.sell('lease manager', PRICE, '--space', '64MiB')
  const status = (): Promise<StatusResult> => world.ok<StatusResult>('lease manager', ['status'])
  const began = await status()
  const offer: Offer = { market, id, device: began.device, price: parsePrice(PRICE) }
  const bootstrap = addressOf(world)
  const people: RogueBuyer[] = []
  t.after(() => Promise.all(people.map(one => one.close())))
  const somebody = async (
    name: string,
    options: { paying?: true; now?: () => number } = {}
  ): Promise<RogueBuyer> => {
    const one = await RogueBuyer.open({ dir: world.at(name), bootstrap, ...options })
    people.push(one)
    return one
  }
  const cheat = await somebody('cheat', { paying: true })
  const thief = await somebody('thief')
  const leaseOf = async ({ id }: Pick<Purchase, 'id'>): Promise<LeaseEntry | undefined> =>
    (await world.leases('lease manager')).find(lease => lease.id === formatKey(id))
  const onShelf = (): Promise<number> => occupiedBytes(world.at('lease manager', 'shelf'))
  const ended = (purchase: Purchase): Promise<unknown> =>
    world.leasesWhen('lease manager', leases =>
      leases.some(lease => lease.id === formatKey(purchase.id) && lease.state === 'ENDED')
    )
  const disk = await onShelf()
  const empty = await sizeOf(world.at('lease manager', 'shelf'))
  const grown = async (): Promise<number> => (await sizeOf(world.at('lease manager', 'shelf'))) - empty
  const back = async (): Promise<void> => {
    for (let tries = 0; (await onShelf()) > disk + FOLDERS && tries < 600; tries++) await tick(100)
    assert.ok((await onShelf()) <= disk + FOLDERS, `${await onShelf()} bytes on the shelf, at first ${disk}`)
  }

  // In the background: a reservation that stays unpaid until it lapses at the provider's next expiry check.
  const unpaid = await thief.core(noise('unpaid', 64 * KIB))
  const soon = (): { countersignBy: number; startBy: number } => {
    return { countersignBy: Date.now() + 1500, startBy: Date.now() + 1500 }
  }
  const late = await cheat.agree(offer, [limitOf(unpaid)], soon)
  const idle = await thief.agree(offer, [limitOf(unpaid, { length: 16, byteLength: 16 * MIB })], soon)
  const lapsed = world.leasesWhen('lease manager', leases =>
    [idle, late].every(({ id }) => leases.some(lease => lease.id === formatKey(id) && lease.state === 'VOID'))
  )
  lapsed.catch(() => undefined) // checked below

  await t.test('an agreement reserves its space, and no buyer can have it reserved for long', async () => {
    assert.equal(
      (await status()).resources['storage']!.facts['reservedBytes'],
      16 * MIB + 16 * 128 + 64 * KIB + 128
    )
    const cores = [limitOf(unpaid)]
    for (const twist of [
      { startBy: Date.now() + 365 * 86_400_000 },
      { countersignBy: Date.now() + 365 * 86_400_000, startBy: Date.now() + 365 * 86_400_000 }
    ]) {
      await assert.rejects(
        thief.agree(offer, cores, () => twist),
        { word: 'TERMS' }
      )
    }
    const huge = [limitOf(unpaid, { length: 60, byteLength: 60 * MIB })]
    await assert.rejects(thief.agree(offer, huge), { word: 'NO_CAPACITY' })
  })

  await t.test('terms that were not quoted, or not between these two, are declined', async () => {
    const cores = [limitOf(unpaid)]
    const twists: [string, Parameters<RogueBuyer['terms']>[2]][] = [
      ['TERMS', ({ price }) => ({ price: price - 1n })],
      ['TERMS', ({ grace }) => ({ grace: grace + 1 })],
      ['TERMS', ({ minChargeMsat }) => ({ minChargeMsat: minChargeMsat - 1n })],
      ['TERMS', ({ firstInstallmentMsat }) => ({ firstInstallmentMsat: firstInstallmentMsat - 1n })],
      ['TERMS', () => ({ egressBytes: Number.MAX_SAFE_INTEGER })],
      ['TERMS', () => ({ time: Number.MAX_SAFE_INTEGER })],
      ['TERMS', () => ({ cores: [{ key: unpaid.key, length: 1, byteLength: 2 * MIB }] })],
      ['TERMS', () => ({ nonce: randomBytes(32) })],
      ['PARTIES', ({ provider }) => ({ provider: { ...provider, lightning: Buffer.alloc(33, 2) } })],
      ['PARTIES', ({ buyer }) => ({ buyer: { ...buyer, identity: cheat.who.identity } })],
      ['NETWORK', () => ({ network: 'bitcoin' })]
    ]
    for (const [word, twist] of twists) await assert.rejects(thief.agree(offer, cores, twist), { word })
  })

  await t.test('a block above 1 MiB ends the lease and frees its disk', async () => {
    const core = await cheat.core(
      noise('a', KIB),
      noise('enormous', 3 * MIB),
      noise('b', KIB),
      noise('c', KIB)
    )
    const purchase = await cheat.buy(offer, [limitOf(core, { byteLength: 4 * MIB })])
    // The decline may arrive or not: everything was sent before the provider could check it.
    await cheat.upload(purchase, [core], core.length).catch(({ word }) => assert.equal(word, 'ENDED'))
    await ended(purchase)
    await back()
  })

  await t.test('more bytes than agreed end the lease and free its disk', async () => {
    const core = await cheat.core(...Array.from({ length: 8 }, (_, i) => noise(`more${i}`, 256 * KIB)))
    const purchase = await cheat.buy(offer, [limitOf(core, { byteLength: MIB })])
    await assert.rejects(cheat.upload(purchase, [core], core.length), { word: 'ENDED' })
    await ended(purchase)
    await back()
  })

  await t.test('a fork ends the lease and frees its disk', async () => {
    const core = await cheat.core(noise('f0', KIB), noise('f1', KIB))
    const purchase = await cheat.buy(offer, [limitOf(core, { length: 4, byteLength: 4 * KIB })])
    await core.append(noise('f2', KIB))
    await core.truncate(1)
    await core.append([noise('g1', KIB), noise('g2', KIB), noise('g3', KIB)])
    await assert.rejects(cheat.upload(purchase, [core], 4), { word: 'ENDED' })
    await ended(purchase)
    await back()
  })

  await t.test('nothing beyond the agreed length of a core is taken', async () => {
    const core = await cheat.core(...Array.from({ length: 4 }, (_, i) => noise(`long${i}`, 64 * KIB)))
    const limit = limitOf(core)
    const purchase = await cheat.buy(offer, [limit])
    await core.append(Array.from({ length: 64 }, (_, i) => noise(`longer${i}`, 256 * KIB)))
    await cheat.upload(purchase, [core], limit.length)
    await assert.rejects(cheat.seal(purchase, [await sealOf(core)]), { word: 'SEAL' })
    assert.ok((await grown()) < limit.byteLength + STORE, `${await grown()} bytes for ${limit.byteLength}`)
    await cheat.seal(purchase, [await sealOf(core, limit.length)])
    await purchase.channel.request('end', { agreement: purchase.id, reason: 'that was all', counter: null })
    await back()
  })

  await t.test('blocks of one byte take no more disk than is billed for them', async () => {
    const core = await cheat.core(...Array.from({ length: 5000 }, (_, i) => Buffer.of(i & 255)))
    const few = await cheat.buy(offer, [limitOf(core, { length: 4, byteLength: 4 })])
    await cheat.upload(few, [core], 4)
    assert.ok((await grown()) < STORE, `${await grown()} bytes for four`)
    await few.channel.request('end', { agreement: few.id, reason: 'enough', counter: null })
    await back()
    const all = await cheat.buy(offer, [limitOf(core)])
    await cheat.upload(all, [core], core.length)
    const billed = Number(billedBytes([limitOf(core)]))
    assert.ok((await grown()) <= billed + STORE + LOG, `${await grown()} bytes on disk for ${billed} billed`)
    await all.channel.request('end', { agreement: all.id, reason: 'enough', counter: null })
    await back()
  })

  const goods = await cheat.core(...Array.from({ length: 12 }, (_, i) => noise(`goods${i}`, 64 * KIB)))
  const bought = await cheat.buy(offer, [limitOf(goods)], () => ({ egressBytes: goods.byteLength }))

  await t.test('a seal that is unsigned or over other data is declined', async () => {
    const sealed = await sealOf(goods)
    const { channel } = bought
    await assert.rejects(cheat.seal(bought, [sealed]), { word: 'INCOMPLETE' })
    await cheat.upload(bought, [goods], goods.length)
    for (const wrong of [
      [{ ...sealed, treeHash: flipped(sealed.treeHash) }],
      [{ ...sealed, fork: 1 }],
      [{ ...sealed, length: sealed.length - 1 }],
      [{ ...sealed, byteLength: sealed.byteLength - 1 }],
      [sealed, sealed],
      []
    ]) {
      await assert.rejects(cheat.seal(bought, wrong), { word: 'SEAL' })
    }
    await assert.rejects(cheat.seal(bought, [sealed], thief.who.device), { word: 'SIGNATURE' })
    await assert.rejects(
      channel.request('audit', { seal: randomBytes(32), nonce: randomBytes(32), blocks: [] }),
      {
        word: 'AUDIT'
      }
    )
    await cheat.seal(bought, [sealed])
  })
  const claim = { agreement: bought.id, installment: 1, preimage: randomBytes(32) }
  const claimed = bought.channel.request('paid', claim)
  claimed.catch(() => undefined) // checked below
  const seal = hashOf('seal', { agreement: bought.id, cores: [await sealOf(goods)] })

  await t.test('audits of unsealed blocks or of too many are declined', async () => {
    const ask = (blocks: { core: number; index: number }[], of = seal): Promise<unknown> =>
      bought.channel.request('audit', { seal: of, nonce: randomBytes(32), blocks })
    const one = { core: 0, index: 0 }
    await assert.rejects(ask([{ core: 0, index: goods.length }]), { word: 'AUDIT' })
    await assert.rejects(ask([{ core: 0, index: Number.MAX_SAFE_INTEGER }]), { word: 'AUDIT' })
    await assert.rejects(ask([{ core: 1, index: 0 }]), { word: 'AUDIT' })
    await assert.rejects(ask([one, { core: Number.MAX_SAFE_INTEGER, index: 0 }]), { word: 'AUDIT' })
    await assert.rejects(ask([]), { word: 'AUDIT' })
    await assert.rejects(ask([one], randomBytes(32)), { word: 'NO_SEAL' })
    await ask([one])
    const channel = await thief.channel(offer)
    const closed = closing(channel.stream)
    const many = { seal, nonce: randomBytes(32), blocks: Array.from({ length: 65 }, () => one) }
    await assert.rejects(channel.request('audit', many), { code: 'PEER_GONE' })
    await closed
  })

  await t.test('counters that exceed what was paid or go back are not signed', async () => {
    const counter = { agreement: bought.id, n: 3, paidMsat: 5000n, servedUntil: Date.now(), egressBytes: 0 }
    const count = (change: Partial<typeof counter>, signer = cheat.who.device): Promise<unknown> => {
      const changed = { ...counter, ...change }
      return bought.channel.request('counter', { counter: changed, buyer: sign('counter', changed, signer) })
    }
    await assert.rejects(count({ paidMsat: 5001n }), { word: 'COUNTER' })
    await assert.rejects(count({}, thief.who.device), { word: 'SIGNATURE' })
    await count({})
    await assert.rejects(count({ n: 2 }), { word: 'COUNTER' })
    await assert.rejects(bought.channel.request('counter', { counter, buyer: null }), { word: 'SIGNATURE' })
  })

  await t.test("another's agreement is of no use to anybody else", async () => {
    const channel = await thief.channel(offer)
    const { id: agreement, agree } = bought
    await assert.rejects(
      channel.request('agree', agreementRequest(agree), { id: agreementId(agree.terms) }),
      {
        word: /SIGNATURE|PARTIES/
      }
    )
    const forged = { ...agree, signature: sign('terms', agree.terms, thief.who.device) }
    await assert.rejects(
      channel.request('agree', agreementRequest(forged), { id: agreementId(agree.terms) }),
      {
        word: /SIGNATURE|PARTIES/
      }
    )
    const word = 'NO_AGREEMENT'
    await assert.rejects(channel.request('strip', { agreement, from: 0 }), { word })
    await assert.rejects(channel.request('topup', { agreement, from: 64 }), { word })
    await assert.rejects(channel.request('paid', { agreement, installment: 0, preimage: randomBytes(32) }), {
      word
    })
    await assert.rejects(channel.request('progress', { agreement }), { word })
    await assert.rejects(thief.seal({ ...bought, channel }, [await sealOf(goods)]), { word })
    await assert.rejects(channel.request('end', { agreement, reason: 'for fun', counter: null }), { word })
    const counter = { agreement, n: 9, paidMsat: 0n, servedUntil: 0, egressBytes: 0 }
    const buyer = sign('counter', counter, thief.who.device)
    await assert.rejects(channel.request('counter', { counter, buyer }), { word })
    assert.equal((await leaseOf(bought))!.state, 'STORED')
  })

  await t.test('a reader gets what the agreed egress covers and no more', async () => {
    assert.equal(await read(world, offer, goods.key, 'first', goods.length), goods.length)
    const second = await read(world, offer, goods.key, 'second', goods.length)
    assert.ok(second < goods.length / 2, `${second} more blocks of ${goods.length}`)
    const audit = { seal, nonce: randomBytes(32), blocks: [{ core: 0, index: 0 }] }
    await assert.rejects((await thief.channel(offer)).request('audit', audit), { word: 'EGRESS' })
    await bought.channel.request('audit', audit)
  })

  await t.test(
    'a peer that sends requests before the hello, garbage or too much is disconnected',
    async t => {
      const hello = async (stream: NoiseStream, rpc: ProtomuxRPC): Promise<void> => {
        await rpc.request('strip', wrapped('strip-request', { agreement: randomBytes(32), from: 0 }))
        stream.destroy()
      }
      const cases: [string, (stream: NoiseStream, rpc: ProtomuxRPC) => Promise<unknown>][] = [
        ['a request before the hello', hello],
        ['garbage for a hello', (_stream, rpc) => rpc.request('hello', randomBytes(300))],
        ['a hello of a megabyte', (_stream, rpc) => rpc.request('hello', randomBytes(MIB))],
        ['an empty hello', (_stream, rpc) => rpc.request('hello', null)],
        ['garbage below all protocols', async stream => void stream.write(Buffer.alloc(4096, 0xff))]
      ]
      for (const [what, act] of cases) {
        await t.test(what, async t => {
          const stream = await stranger(t, world, offer)
          const rpc = new ProtomuxRPC(stream, { protocol: PROTOCOL })
          const closed = closing(stream)
          act(stream, rpc).catch(() => undefined) // the connection ends
          await closed
        })
      }
    }
  )

  await t.test('a flood of requests costs its sender the connection', async () => {
    const flood = await somebody('flood')
    const channel = await flood.channel(offer)
    const closed = closing(channel.stream)
    const agreement = randomBytes(32)
    const answers = await Promise.allSettled(
      Array.from({ length: 3000 }, () => channel.request('progress', { agreement }))
    )
    await closed
    const answered = answers.filter(
      answer => answer.status === 'rejected' && (answer.reason as { word: string }).word === 'NO_AGREEMENT'
    )
    assert.ok(answered.length < 1000, `${answered.length} of 3000 were answered`)
  })

  await t.test('a clock that is ten minutes off prevents a deal', async () => {
    for (const ahead of [-600_000, 600_000]) {
      const late = await somebody(`clock${ahead}`, { now: () => Date.now() + ahead })
      await assert.rejects(late.channel(offer), { word: 'CLOCK' })
    }
  })

  await t.test('a claimed payment that never came is not accepted', async () => {
    await assert.rejects(claimed, { word: 'NOT_RECEIVED' })
    assert.equal((await leaseOf(bought))!.earnedMsat, '5000')
  })

  await t.test('an unpaid reservation lapses and can no longer be paid', async () => {
    await lapsed
    await assert.rejects(cheat.pay(late), { code: 'PAYMENT_FAILED' })
    assert.equal((await leaseOf(late))!.state, 'VOID')
  })

  await t.test(
    'the provider is unchanged: same process, same disk, nothing reserved, open to an honest buyer',
    async () => {
      await bought.channel.request('end', { agreement: bought.id, reason: 'done', counter: null })
      await back()
      const now = await status()
      assert.equal(now.pid, began.pid)
      assert.equal(now.resources['storage']!.facts['reservedBytes'], 0)
      const path = world.at('file')
      await writeFile(path, noise('honest', 300 * KIB))
      await world.home('honest')
      await world.ok('honest', ['market', 'join', market])
      await world.ok('honest', ['mirror', path, '--copies', '1', '--time', '30d'])
    }
  )
})

/** Bytes in the files of a folder; an open store has more of the disk set aside. */
async function sizeOf(folder: string): Promise<number> {
  let bytes = 0
  for (const child of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!child.isFile()) continue
    const path = join(child.parentPath, child.name)
    // The node renames and deletes its files meanwhile.
    bytes += await stat(path).then(({ size }) => size, orNothing(0))
  }
  return bytes
}

function tick(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
