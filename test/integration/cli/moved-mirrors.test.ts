import assert from 'node:assert/strict'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import type { Takeover } from '#spec'
import { parseKey } from '../../../contracts/keys/key.js'
import { sign } from '../../../contracts/keys/signature.js'
import { DAY } from '../../../contracts/money/quantity.js'
import { identityFrom, newWords } from '../../../src/identity/words.js'
import type { MirrorEntry, MirrorResult } from '../../../src/node/api/api.js'
import { BareDecline, BarePeer } from '../../parts/peers/bare-peer.js'
import { lightningId } from '../../samples/people.js'
import { look, makeTree, noise } from '../../samples/tree.js'
import { World } from '../../world/world.js'

interface Imported {
  name: string
  from: string
  providers: { provider: string; result: string; why?: string }[]
}
interface Ended {
  leases: { state: string; refundedMsat: string }[]
}
interface Check {
  ok: boolean
  faults: string[]
}
type Shown = MirrorEntry & { leases: { id: string; why?: string }[] }

/** A market with two sellers, and the first device of a person with a mirror of two copies, exported to a file. */
async function withMirror(t: Parameters<typeof World.withMarket>[0], price: string, ...options: string[]) {
  const { world, market } = await World.withMarket(t)
  const sellers: string[] = []
  for (const name of ['one', 'two']) sellers.push((await world.seller(name, market, price)).device)
  const { words } = await world.init('laptop')
  await world.up('laptop')
  await world.ok('laptop', ['market', 'join', market])
  await makeTree(world.at('films'), { 'film.bin': noise('film', 1 << 20), 'notes.txt': 'seen' })
  const files = await look(world.at('films'))
  const made = await world.ok<MirrorResult>('laptop', [
    'mirror',
    world.at('films'),
    '--time',
    '30d',
    ...options
  ])
  const file = world.at('films.mirror')
  await world.ok('laptop', ['mirrors', 'export', 'films', file])
  return { world, market, words, made, files, file, sellers }
}

/** Another device of the same person, up and in the market. */
async function device(world: World, name: string, words: string, market: string): Promise<Buffer> {
  await world.ok(name, ['init', '--words', '-'], { input: words })
  const up = await world.up(name)
  await world.ok(name, ['market', 'join', market])
  return parseKey(up.device)
}

/** Takeovers that are not to be: another device of the same person, which has no words, sends them. */
async function rogues(
  world: World,
  { words, seller, from, to }: { words: string; seller: string; from: string; to: Buffer }
): Promise<void> {
  const key = await identityFrom(words)
  const other = await identityFrom(newWords())
  const identity = Buffer.from(key.identityPublicKey)
  const thief = crypto.keyPair()
  const proof = Buffer.from(await key.bootstrap(thief.publicKey))
  const [host, port] = world.processes.bootstrap!.split(':')
  const dht = BarePeer.dht([{ host: host!, port: Number(port) }])
  const peer = await BarePeer.meet(dht, { device: seller }, () => ({}), { identity, device: thief, proof })
  const takeover = {
    ...{ identity, from: parseKey(from), to: thief.publicKey, lightning: lightningId() },
    n: Date.now() + DAY
  }
  const sent = async (change: Partial<Takeover>, by: KeyPair): Promise<string> => {
    const given = { ...takeover, ...change }
    const signed = { takeover: given, signature: sign('takeover', given, by) }
    const asked = peer.ask('takeover', 'takeover-request', { signed, agreements: [] }, 'takeover-answer')
    const declined: unknown = await asked.catch((error: unknown) => error)
    assert.ok(declined instanceof BareDecline)
    return declined.word
  }
  assert.equal(await sent({}, thief), 'SIGNATURE')
  assert.equal(await sent({}, other.identityKeyPair), 'SIGNATURE')
  const stranger = Buffer.from(other.identityPublicKey)
  assert.equal(await sent({ identity: stranger }, other.identityKeyPair), 'PARTIES')
  assert.equal(await sent({ n: 1 }, key.identityKeyPair), 'TAKEN_OVER')
  assert.equal(await sent({ to: parseKey(from) }, key.identityKeyPair), 'TAKEOVER')
  assert.equal(await sent({ from: to, to: parseKey(from) }, key.identityKeyPair), 'TAKEOVER')
  peer.close()
  await dht.destroy()
}

async function balanced(world: World, ...names: string[]): Promise<void> {
  for (const name of names) {
    const { ok, faults } = await world.ok<Check>(name, ['log', '--check'])
    assert.ok(ok, `${name}: ${faults.join('; ')}`)
  }
}

test('a mirror of a lost device goes on at another one, which has the words', async t => {
  const { world, market, words, made, files, file, sellers } = await withMirror(
    t,
    '600000 sat/GiB-month',
    ...['--prepay-max', '100 sat']
  )
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  const [before] = (await world.ok<{ mirrors: MirrorEntry[] }>('laptop', ['mirrors'])).mirrors
  await world.kill('laptop')
  await rm(world.at('laptop'), { recursive: true })
  await rm(world.at('films'), { recursive: true })

  const desktop = await device(world, 'desktop', words, market)
  const imported = await world.ok<Imported>('desktop', ['mirrors', 'import', file], { input: words })
  assert.deepEqual(
    imported.providers.map(({ result }) => result),
    ['taken', 'taken']
  )
  const [after] = (await world.ok<{ mirrors: MirrorEntry[] }>('desktop', ['mirrors'])).mirrors
  assert.deepEqual(after, { ...before, atRiskMsat: after!.atRiskMsat })
  await rogues(world, { words, seller: sellers[0]!, from: imported.from, to: desktop })
  await world.ok('desktop', ['mirrors', 'check', 'films'])
  await world.ok('desktop', ['mirrors', 'extend', 'films', '--time', '30d'])
  const { entries } = await world.ok<{ entries: { agreement: string; issue: number }[] }>('desktop', [
    ...['log', '--step', 'sent', '--limit', '1000']
  ])
  const paid = entries.filter(({ agreement }) => made.leases.includes(agreement))
  assert.ok(paid.length > 0 && paid.every(({ issue }) => issue > 0), 'on no hash that the laptop knew')
  await world.ok('desktop', ['restore', made.link, world.at('restored')])
  assert.deepEqual(await look(world.at('restored')), files)
  await balanced(world, 'desktop', 'one', 'two')

  const { spendable } = await world.wallet('desktop')
  const { leases } = await world.ok<Ended>('desktop', ['mirrors', 'end', 'films'])
  assert.deepEqual(
    leases.map(({ state }) => state),
    ['ENDED', 'ENDED', 'ENDED', 'ENDED']
  )
  const back = leases.reduce((sum, { refundedMsat }) => sum + BigInt(refundedMsat), 0n)
  assert.ok(back > 0n && leases.every(({ refundedMsat }) => BigInt(refundedMsat) > 0n))
  assert.ok((await world.wallet('desktop')).spendable >= spendable + back)
  await balanced(world, 'desktop', 'one', 'two')
})

test('what the first device paid and extended after the export counts at the other one', async t => {
  const { world, market, words, file } = await withMirror(
    t,
    '600000 sat/GiB-month',
    ...['--prepay-max', '100 sat']
  )
  const mirror = async (name: string): Promise<MirrorEntry> =>
    (await world.ok<{ mirrors: MirrorEntry[] }>(name, ['mirrors'])).mirrors[0]!
  const { ends } = await mirror('laptop')
  await world.ok('laptop', ['mirrors', 'extend', 'films', '--time', '30d'])
  const extended = await mirror('laptop')
  assert.equal(extended.ends, ends + 30 * DAY)
  await world.kill('laptop')
  await rm(world.at('laptop'), { recursive: true })

  await device(world, 'desktop', words, market)
  await world.ok('desktop', ['mirrors', 'import', file], { input: words })
  const { ends: end, paidUntil, copies } = await mirror('desktop')
  assert.deepEqual(
    [end, paidUntil, copies],
    [extended.ends, extended.paidUntil, { wanted: 2, healthy: 2, failing: 0 }]
  )
  const states = (await world.leases('desktop')).map(({ state }) => state).sort()
  assert.deepEqual(states, ['NEXT', 'NEXT', 'STORED', 'STORED'])
  await balanced(world, 'desktop', 'one', 'two')

  // That one is lost as well.
  const next = world.at('next.mirror')
  await world.ok('desktop', ['mirrors', 'export', 'films', next])
  await world.kill('desktop')
  await rm(world.at('desktop'), { recursive: true })
  await device(world, 'phone', words, market)
  await world.ok('phone', ['mirrors', 'import', next], { input: words })
  await world.ok('phone', ['mirrors', 'check', 'films'])
  const { ends: last, paidUntil: paid } = await mirror('phone')
  assert.deepEqual([last, paid], [extended.ends, extended.paidUntil])
  const { leases } = await world.ok<Ended>('phone', ['mirrors', 'end', 'films'])
  assert.ok(leases.length === 4 && leases.every(({ refundedMsat }) => BigInt(refundedMsat) > 0n))
  await balanced(world, 'phone', 'one', 'two')
})

test('an import that was killed before any provider was asked goes on, and the first device is told', async t => {
  const { world, market, words, file } = await withMirror(t, '600000 sat/GiB-month')
  await world.stop('laptop')
  await device(world, 'desktop', words, market)
  // Nobody can be asked: the records are there and nothing else.
  await Promise.all([world.stop('one'), world.stop('two')])
  await writeFile(world.at('words'), words)
  const importing = world.start('desktop', ['mirrors', 'import', file, '--words-file', world.at('words')])
  const watching = world.start('desktop', ['mirrors', '--watch'])
  await watching.line(line => (line['mirrors'] as MirrorEntry[] | undefined)?.[0]?.name === 'films')
  await Promise.all([world.kill('desktop'), importing.kill('SIGKILL'), watching.kill('SIGKILL')])
  await world.up('desktop')
  const { leases } = await world.ok<Shown>('desktop', ['mirrors', 'show', 'films'])
  assert.deepEqual(
    leases.map(({ why }) => why?.includes('has not been reached')),
    [true, true]
  )
  const twice = await world.fails('desktop', ['mirrors', 'import', file], 2, { input: words })
  assert.match(twice.message, /on this device already; nothing was changed/)

  await Promise.all([world.up('one'), world.up('two')])
  await world.ok('desktop', ['mirrors', 'check', 'films'])
  const { leases: taken } = await world.ok<Shown>('desktop', ['mirrors', 'show', 'films'])
  assert.deepEqual(
    taken.map(({ why }) => why),
    [undefined, undefined]
  )

  // The first device comes back.
  await world.up('laptop')
  const told = world.start('laptop', ['mirrors', '--watch'])
  await world.run('laptop', ['mirrors', 'check', 'films'])
  await told.line(line => (line['mirrors'] as MirrorEntry[] | undefined)?.[0]?.next.what === 'taken')
  await told.kill('SIGINT')
  assert.equal((await world.fails('laptop', ['mirrors', 'check', 'films'], 1)).code, 'TAKEN_OVER')
  assert.equal((await world.fails('laptop', ['mirrors', 'extend', 'films'], 1)).code, 'TAKEN_OVER')
  const status = JSON.stringify(await world.ok('laptop', ['status']))
  assert.match(status, /has taken over what this one bought/)
  await world.ok('desktop', ['mirrors', 'check', 'films'])
  await balanced(world, 'desktop', 'laptop', 'one', 'two')
})

test('a file or words that do not fit change nothing', async t => {
  const { world, market, words, file } = await withMirror(t, '5000 sat/GiB-month')
  const refused = async (name: string, path: string, given: string): Promise<string> => {
    const { code } = await world.fails(name, ['mirrors', 'import', path], 2, { input: given })
    assert.deepEqual(
      (await world.ok<{ mirrors: unknown[] }>(name, ['mirrors'])).mirrors.length,
      name === 'laptop' ? 1 : 0
    )
    return code
  }
  assert.equal((await world.fails('laptop', ['mirrors', 'export', 'films', file], 2)).code, 'FILE_EXISTS')
  await world.ok('laptop', ['mirrors', 'export', 'films', file, '--force'])
  assert.equal(await refused('laptop', file, words), 'BAD_INPUT')

  await device(world, 'desktop', words, market)
  const { words: others } = await world.init('other')
  assert.equal(await refused('desktop', file, others), 'BAD_WORDS')
  assert.equal(await refused('desktop', file, 'abandon'), 'BAD_WORDS')
  assert.equal(await refused('other', file, words), 'BAD_WORDS')
  assert.equal(await refused('other', file, others), 'BAD_WORDS')
  const good = await readFile(file)
  const cases: [string, Buffer][] = [
    ['damaged', Buffer.concat([good.subarray(0, -1), Buffer.of(good.at(-1)! ^ 1)])],
    ['short', good.subarray(0, 30)],
    ['newer', Buffer.concat([good.subarray(0, 14), Buffer.of(2), good.subarray(15)])],
    ['other-kind', Buffer.from('words words words')]
  ]
  for (const [name, content] of cases) {
    await writeFile(world.at(name), content)
    assert.equal(await refused('desktop', world.at(name), words), 'BAD_EXPORT', name)
  }
  assert.equal(await refused('desktop', world.at('none'), words), 'BAD_PATH')
})
