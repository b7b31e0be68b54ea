import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmod, readFile, readdir, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import test from 'node:test'
import { formatKey } from '../../contracts/keys/key.js'
import { formatLink } from '../../contracts/keys/link.js'
import { makeTree, noise } from '../samples/tree.js'
import { World } from '../world/world.js'

/** A well-formed key that nobody has. */
const stranger = (): string => formatKey(randomBytes(32))

test(
  'bad input gives one clear line and an exit code, and changes nothing',
  { timeout: 240_000 },
  async t => {
    const { world, market } = await World.withMarket(t)
    const [seller] = await Promise.all([
      world.seller('seller', market, '500 sat/GiB-month'),
      world.join('buyer', market),
      world.home('reader')
    ])
    const source = world.at('source')
    await makeTree(source, { 'a.txt': 'a', 'b.bin': noise('refusals', 200_000) })
    await makeTree(world.at('large'), { 'film.bin': noise('large', 20_000_000) })

    // The slowest first, beside all others: it has to look for peers.
    const nobodys = formatLink({ key: randomBytes(32), encryptionKey: randomBytes(32) })
    const lost = world.run('reader', ['restore', nobodys, world.at('nowhere')])

    const stateOf = async (name: string): Promise<object> => ({
      wallet: await world.wallet(name),
      leases: await world.leases(name),
      drives: await readdir(world.at(name, 'drives')),
      config: await readFile(world.at(name, 'config.json'), 'utf8')
    })
    await world.book('buyer', book => book.asks.length === 1)
    const before = { buyer: await stateOf('buyer'), seller: await stateOf('seller') }

    const mirror = ['mirror', source, '--copies', '1', '--time', '30d']
    const cases: [what: string, args: string[], exit: number, code: string][] = [
      ['a price too low', [...mirror, '--max-price', '1 sat/GiB-month'], 4, 'PRICE_TOO_LOW'],
      ['fewer offers than copies', ['mirror', source, '--copies', '2'], 4, 'NO_OFFER'],
      ['no offer for so long a time', ['mirror', source, '--copies', '1', '--time', '366d'], 4, 'NO_OFFER'],
      ['an unknown market', [...mirror, '--market', 'nowhere'], 3, 'MARKET_NOT_FOUND'],
      ['a market of nobody', ['market', 'use', stranger()], 3, 'MARKET_NOT_FOUND'],
      ['a price that is none', [...mirror, '--max-price', 'cheap'], 2, 'BAD_INPUT'],
      ['a time that is none', ['mirror', source, '--time', '30'], 2, 'BAD_INPUT'],
      ['copies that are none', ['mirror', source, '--copies', '0'], 2, 'BAD_INPUT'],
      ['a path where nothing is', ['mirror', world.at('missing')], 2, 'BAD_PATH'],
      [
        'a size that is none',
        ['sell', 'storage', '--space', 'much', '--price', '1 sat/GiB-month'],
        2,
        'BAD_INPUT'
      ],
      ['a key that is none', ['market', 'join', 'xyz'], 2, 'BAD_KEY'],
      ['a malformed link', ['restore', 'bushel://abc', world.at('nowhere')], 2, 'BAD_LINK'],
      ['a link with a slip', ['restore', slip(nobodys), world.at('nowhere')], 2, 'BAD_LINK'],
      ['a lease of nobody', ['leases', 'end', stranger()], 3, 'LEASE_NOT_FOUND'],
      ['an order of nobody', ['withdraw', stranger()], 3, 'ORDER_NOT_FOUND'],
      ["another's order", ['withdraw', seller.ask], 3, 'ORDER_NOT_FOUND'],
      ['a second node', ['up'], 2, 'ALREADY_RUNNING'],
      ['a second init', ['init'], 2, 'HOME_EXISTS'],
      ['an unknown command', ['give', 'up'], 2, 'USAGE'],
      ['an unknown option', ['mirror', source, '--colour', 'red'], 2, 'USAGE']
    ]
    for (const [what, args, exit, code] of cases) {
      await t.test(what, async () => {
        const failure = await world.fails('buyer', args, exit)
        assert.equal(failure.code, code, failure.message)
      })
    }

    await t.test(
      'a folder without read permission is refused',
      { skip: userInfo().uid === 0 && 'root reads everything' },
      async () => {
        const closed = world.at('closed')
        await makeTree(closed, { 'in/file': 'x' })
        await chmod(world.at('closed', 'in'), 0o000)
        t.after(() => chmod(world.at('closed', 'in'), 0o700))
        assert.equal((await world.fails('buyer', ['mirror', closed, '--copies', '1'], 2)).code, 'BAD_PATH')
      }
    )

    await t.test('a mirror beyond a spent grant is refused', async () => {
      await world.init('poor', '--play-grant', '10 sat')
      await world.ok('poor', ['market', 'join', market])
      const dear = await world.fails(
        'poor',
        ['mirror', world.at('large'), '--copies', '1', '--time', '365d', '--ahead', 'all'],
        5
      )
      assert.equal(dear.code, 'NO_BALANCE')
      assert.deepEqual(await world.leases('poor'), [])
      assert.equal((await world.wallet('poor')).spendable, 10_000n)
    })

    await t.test('a corrupt config is refused', async () => {
      await world.home('broken')
      await writeFile(world.at('broken', 'config.json'), '{ "market": ')
      for (const args of [['leases'], ['up'], [...mirror]]) {
        assert.equal((await world.fails('broken', args, 2)).code, 'BAD_CONFIG')
      }
      assert.equal(await readFile(world.at('broken', 'config.json'), 'utf8'), '{ "market": ')
    })

    await t.test('a missing home and a missing node are reported', async () => {
      assert.equal((await world.fails('nobody', ['leases'], 2)).code, 'NO_HOME')
      const sell = ['sell', 'storage', '--space', '1GiB', '--price', '1 sat/GiB-month']
      assert.equal((await world.fails('poor', sell, 1)).code, 'NOT_RUNNING')
    })

    await t.test('Ctrl-C ends a command with exit code 130', async () => {
      await world.home('hasty')
      const looking = world.processes.start(['restore', nobodys, world.at('nowhere')], {
        home: world.at('hasty')
      })
      await looking.line(line => line['event'] === 'progress')
      assert.equal((await looking.kill('SIGINT')).code, 130)
      assert.equal((looking.lines.at(-1)!['error'] as { code: string }).code, 'INTERRUPTED')
    })

    await t.test('none of these inputs changed anything', async () => {
      assert.deepEqual({ buyer: await stateOf('buyer'), seller: await stateOf('seller') }, before)
    })

    await t.test('a grant too small to open a channel is refused', async () => {
      await world.fails('poor', ['mirror', source, '--copies', '1', '--time', '365d', '--ahead', 'all'], 5)
      for (const { state, paidMsat } of await world.leases('poor'))
        assert.deepEqual([state, paidMsat], ['VOID', '0'])
      assert.equal((await world.wallet('poor')).spendable, 10_000n)
    })

    await t.test('an offer that was withdrawn is refused', async () => {
      await world.ok('buyer', [...mirror, '--dry-run'])
      await world.ok('seller', ['withdraw', seller.ask])
      await world.book('buyer', book => book.asks.length === 0)
      assert.equal((await world.fails('buyer', mirror, 4)).code, 'NO_OFFER')
      assert.deepEqual(await stateOf('buyer'), before.buyer)
    })

    await t.test('a link that nobody serves is not found', async () => {
      const { code, result } = await lost
      assert.equal(code, 3, JSON.stringify(result))
      assert.equal((result['error'] as { code: string }).code, 'LINK_NOT_FOUND')
      assert.ok(
        !(await readdir(world.at())).some(name => name.startsWith('nowhere')),
        'nothing is left behind'
      )
    })
  }
)

/** The link with one letter changed. */
function slip(link: string): string {
  const at = link.length - 40
  return link.slice(0, at) + (link[at] === 'y' ? 'b' : 'y') + link.slice(at + 1)
}
