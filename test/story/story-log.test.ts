import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import z32 from 'z32'
import { parseLink } from '../../contracts/keys/link.js'
import { Home } from '../../src/identity/home.js'
import { readingStore } from '../../src/node/home-store.js'
import { Ledger } from '../../src/payment/ledger.js'
import type { Payment } from '../../src/payment/ledger.js'
import { makeTree, noise } from '../samples/tree.js'
import { World } from '../world/world.js'
import type { MirrorResult } from '../world/world.js'
import { STEP } from '../../src/payment/payment-state.js'

type Line = Record<string, string>

async function textOf(world: World, name: string): Promise<string> {
  const folder = world.at(name, 'logs')
  const texts = (await readdir(folder)).map(file => readFile(join(folder, file), 'utf8'))
  return (await Promise.all(texts)).join('')
}

async function linesOf(world: World, name: string): Promise<Line[]> {
  const text = await textOf(world, name)
  return text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Line)
}

/** The preimage of a hash that a node has listed to be paid on, as it derives it. */
function preimageOf(home: Home, { agreement, installment, issue, kind }: Payment): Buffer {
  const secret = createHmac('sha256', home.device.secretKey).update('bushel/preimages').digest()
  const tail = Buffer.alloc(16)
  tail.writeBigUInt64LE(BigInt(installment), 0)
  tail.writeBigUInt64LE(BigInt(issue), 8)
  const hmac = createHmac('sha256', secret).update(agreement).update(tail)
  return (kind === 'installment' ? hmac : hmac.update(kind)).digest()
}

/** What happened to an id, in order, each once. */
function happened(lines: Line[], field: string, id: string): string[] {
  return [...new Set(lines.filter(line => line[field] === id).map(({ message }) => message!))]
}

test('a mirror and its payments are in both logs by id, and no secret is', { timeout: 120_000 }, async t => {
  const { world, market } = await World.withMarket(t)
  const seller = await world.seller('seller', market, '20000 sat/GiB-month')
  const { words } = await world.init('buyer')
  const config = JSON.parse(await readFile(world.at('buyer', 'config.json'), 'utf8')) as object
  await writeFile(world.at('buyer', 'config.json'), JSON.stringify({ ...config, log: { level: 'debug' } }))
  const buyer = await world.up('buyer')
  await world.ok('buyer', ['market', 'join', market])
  await makeTree(world.at('source'), { 'film.bin': noise('film', 1 << 20) })
  const mirror = await world.ok<MirrorResult>('buyer', [
    'mirror',
    world.at('source'),
    ...['--copies', '1', '--time', '365d', '--ahead', 'all', '--prepay-max', '30 sat']
  ])
  const [lease] = mirror.leases
  assert.ok(lease)
  // What `up` says of it meanwhile, after `ready`, which is the first of its lines.
  const sealed = await buyer.process.line(line => line['message'] === 'lease sealed')
  assert.deepEqual([sealed['event'], sealed['level'], sealed['lease']], ['log', 'info', lease])
  assert.equal(buyer.process.lines[0]!['event'], 'ready')

  await world.ok('buyer', ['leases', 'end', lease])
  const repaid = (line: Line): boolean => line['message'] === 'payment received' && line['kind'] === 'refund'
  await buyer.process.line(line => repaid(line as Line))
  for (const name of ['buyer', 'seller']) await world.stop(name)

  const bought = await linesOf(world, 'buyer')
  const sold = await linesOf(world, 'seller')
  const states = ['lease agreed', 'lease active', 'lease sealed', 'lease ended']
  assert.deepEqual(happened(sold, 'lease', lease), states)
  const own = happened(bought, 'lease', lease)
  assert.deepEqual(own.slice(0, 4), ['lease agreed', 'lease bound', 'lease active', 'lease sealed'])
  assert.equal(own.at(-1), 'lease ended')
  for (const line of [...bought, ...sold]) assert.equal(new Date(line['time']!).toISOString(), line['time'])
  assert.ok(
    bought
      .filter(line => line['lease'] === lease && line['peer'])
      .every(line => line['peer'] === seller.device)
  )

  // Each payment by its hash, on both sides, with all its steps.
  const allOf = (name: string): Promise<Payment[]> =>
    readingStore(world.at(name), store => [...new Ledger(store, 'ledger').all()])
  const all = { buyer: await allOf('buyer'), seller: await allOf('seller') }
  const paid = all.buyer.filter(({ kind, preimage }) => kind === 'installment' && preimage)
  assert.ok(paid.length >= 2)
  for (const { hash, agreement } of paid) {
    assert.equal(z32.encode(agreement), lease)
    const id = hash.toString('hex')
    assert.deepEqual(happened(bought, 'hash', id).slice(0, 2), ['payment sent', 'payment paid'])
    assert.equal(happened(sold, 'hash', id)[0], 'payment received')
  }
  for (const step of ['payment intent', 'payment bound'])
    assert.ok(happened(bought, 'agreement', lease).includes(step), step)
  assert.ok(sold.some(line => line['message'] === 'payment paid' && line['kind'] === 'refund'))
  assert.ok(sold.some(({ message, order }) => message === 'offer placed' && order === seller.ask))
  for (const lines of [bought, sold]) {
    const messages = lines.map(({ message }) => message)
    for (const message of ['node starts', 'wallet opened', 'node is up', 'node stopped'])
      assert.ok(messages.includes(message), message)
    assert.deepEqual(
      lines.filter(({ level }) => level === 'error'),
      []
    )
  }

  const homes = { buyer: await Home.open(world.at('buyer')), seller: await Home.open(world.at('seller')) }
  const secrets = [
    ...words
      .split(' ')
      .map((_, i, list) => list.slice(i, i + 3).join(' '))
      .slice(0, -2)
  ]
  for (const name of ['buyer', 'seller'] as const) {
    const seed = homes[name].device.secretKey.subarray(0, 32)
    secrets.push(seed.toString('hex'), z32.encode(seed), seed.toString('base64').slice(0, 40))
    for (const payment of all[name]) {
      const preimage =
        payment.preimage ?? (payment.role === 'payee' ? preimageOf(homes[name], payment) : null)
      if (!preimage) continue
      assert.deepEqual(createHash('sha256').update(preimage).digest(), payment.hash, 'it is the preimage')
      secrets.push(preimage.toString('hex'), z32.encode(preimage))
    }
  }
  assert.ok(
    all.seller.some(({ step }) => step === STEP.refused),
    'some were never paid'
  )
  const { encryptionKey } = parseLink(mirror.link)
  secrets.push(
    mirror.link.slice('bushel://'.length),
    z32.encode(encryptionKey),
    encryptionKey.toString('hex')
  )
  for (const name of ['founder', 'seller', 'buyer']) {
    const text = (await textOf(world, name)) + JSON.stringify(name === 'buyer' ? buyer.process.lines : [])
    for (const secret of secrets) assert.ok(!text.includes(secret), `${secret} is in the log of ${name}`)
  }
})

test(
  'a node whose log cannot be written runs, and says what it does where it was started',
  { timeout: 60_000 },
  async t => {
    const world = await World.open(t)
    await world.home('alone')
    await writeFile(world.at('alone', 'logs'), 'a file in the way')
    const { process } = await world.up('alone')
    const warning = await process.line(({ part }) => part === 'log')
    assert.equal(process.lines[0]!['event'], 'ready')
    assert.match(String(warning['message']), /cannot be written/)
    await world.ok('alone', ['market', 'create', '--name', 'bazaar'])
    await process.line(({ message }) => message === 'market founded')
    assert.deepEqual(await world.stop('alone'), { code: 0, signal: null })
  }
)
