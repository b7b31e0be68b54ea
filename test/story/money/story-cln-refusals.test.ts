import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import test from 'node:test'
import bolt11 from 'bolt11'
import { runCommandLine } from '../../parts/cli/command-line.js'
import { Lightning } from '../../world/lightning.js'
import { makeTree, noise } from '../../samples/tree.js'
import { World } from '../../world/world.js'
import type { MirrorResult } from '../../world/world.js'

const CAPACITY = 100_000_000n

test('over Core Lightning bad input, limits and wrong networks give one clear line each and pay nothing', async t => {
  const world = await World.open(t)
  const lightning = new Lightning(world)
  const market = await world.found('founder', 'bazaar')
  const source = world.at('source')
  await makeTree(source, { 'film.bin': noise('refusals', 1 << 20) })
  await Promise.all([lightning.join('seller', market), lightning.join('buyer', market)])
  const [buyer, seller] = [lightning.at('buyer'), lightning.at('seller')]
  await buyer.channel(seller, CAPACITY, CAPACITY / 2n)
  await world.sell('seller', '20000 sat/GiB-month')
  await world.book('buyer', book => book.asks.length === 1)

  /** Runs a command line in this process; it must fail with one clear line. */
  const fails = async (name: string, exit: number, code: string, ...args: string[]): Promise<string> => {
    const { failure, lines, stderr } = await runCommandLine([...args, '--json', '--home', world.at(name)])
    const said = `${args.join(' ')}: ${JSON.stringify(lines.at(-1))} ${stderr}`
    assert.deepEqual([failure?.code, failure?.exit], [code, exit], said)
    assert.ok(failure!.message && !failure!.message.includes('\n') && !failure!.hint.includes('\n'), said)
    assert.equal(lines.length, 1, said)
    return `${failure!.message}; ${failure!.hint}`
  }
  const books = async (): Promise<object> => ({
    buyer: await lightning.records('buyer'),
    seller: await lightning.records('seller')
  })
  const unpaid = async (work: () => Promise<unknown>): Promise<void> => {
    const before = await books()
    await work()
    assert.deepEqual(await books(), before, 'nothing was paid')
  }

  await t.test('an amount over a limit is refused before anything is packed, signed or paid', async () => {
    const mirror = ['mirror', source, '--copies', '1', '--time', '365d', '--ahead', 'all']
    const bid = [
      'bid',
      'storage',
      source,
      '--copies',
      '1',
      '--time',
      '365d',
      '--ahead',
      'all',
      '--max-price',
      '30000 sat/GiB-month'
    ]
    const stateOf = async (): Promise<object> => ({
      leases: await world.leases('buyer'),
      kept: await world.leases('seller'),
      drives: await readdir(world.at('buyer', 'drives')),
      bids: (await world.book('buyer', () => true)).bids
    })
    const before = await stateOf()
    await unpaid(async () => {
      for (const option of ['--deal', '--day', '--peer']) {
        await world.ok('buyer', ['wallet', 'limits', option, '100 sat'])
        for (const args of [mirror, [...mirror, '--dry-run'], bid, [...bid, '--dry-run']]) {
          const said = await fails('buyer', 5, 'OVER_LIMIT', ...args)
          assert.match(said, /over the limit of 100 sat/)
          assert.match(said, new RegExp(`wallet limits ${option}`))
        }
        await world.ok('buyer', ['wallet', 'limits', option, 'none'])
      }
      await world.ok('buyer', ['wallet', 'limits', '--deal', '10000 sat'])
    })
    assert.deepEqual(await stateOf(), before, 'nothing is left behind')
  })

  await t.test(
    'a limit reached midway stops the mirror, which resumes when the limit is raised',
    async () => {
      const mirror = ['mirror', source, '--copies', '1', '--time', '364d', '--ahead', 'all']
      await buyer.behave({ delayMs: 200 }) // so that a payment takes a while
      const mirroring = world.processes.start(mirror, { home: world.at('buyer') })
      await mirroring.line(line => line['event'] === 'payment')
      await runCommandLine(['wallet', 'limits', '--day', '40 sat', '--json', '--home', world.at('buyer')])
      assert.equal((await mirroring.ended).code, 5, JSON.stringify(mirroring.lines.at(-1)))
      assert.equal((mirroring.lines.at(-1)!['error'] as { code: string }).code, 'OVER_LIMIT')
      const [half] = await world.leases('buyer')
      assert.ok(half && half.state !== 'ENDED' && half.payments > 0, 'the provider is not replaced')
      await world.ok('buyer', ['wallet', 'limits', '--day', 'none'])
      const { leases, copies } = await world.ok<MirrorResult>('buyer', mirror)
      assert.deepEqual([leases, copies], [[half.id], 1])
    }
  )

  await t.test('bad invoices are not paid', async () => {
    // Partly prepaid: invoices of the agreement stay open.
    const part = [
      'mirror',
      source,
      '--copies',
      '1',
      '--time',
      '300d',
      '--ahead',
      'all',
      '--prepay-max',
      '20 sat'
    ]
    await world.ok('buyer', part)
    const open = (await lightning.records('seller')).invoices.find(
      ({ status, label }) => status === 'unpaid' && label.includes('/installment/')
    )!
    const make = async (amount: string, ...args: string[]): Promise<string> =>
      (await world.ok<{ invoice: string }>('seller', ['wallet', 'invoice', amount, ...args])).invoice
    const paid = await make('7 sat')
    await world.ok('buyer', ['wallet', 'pay', paid])
    const own = await world.ok<{ invoice: string }>('buyer', ['wallet', 'invoice', '7 sat'])
    const bank = await lightning.start('bank', 'bitcoin')
    const { bolt11: foreign } = (await bank.call('invoice', {
      amount_msat: 7000,
      label: 'foreign',
      description: ''
    })) as { bolt11: string }
    const good = await make('7 sat', '--description', 'good')
    const large = await make('10001 sat')
    await unpaid(async () => {
      const pay = (exit: number, code: string, invoice: string, ...args: string[]): Promise<string> =>
        fails('buyer', exit, code, 'wallet', 'pay', invoice, ...args)
      await pay(5, 'INVOICE_NETWORK', foreign)
      await pay(5, 'INVOICE_EXPIRED', written({ timestamp: 1_700_000_000 }))
      await pay(5, 'NO_AMOUNT', written({ msat: null }))
      await pay(5, 'OVER_LIMIT', good, '--max', '6 sat')
      await pay(5, 'OVER_LIMIT', large)
      await pay(5, 'ALREADY_PAID', paid)
      await pay(5, 'INVOICE_REFUSED', own.invoice)
      await pay(5, 'INVOICE_REFUSED', open.bolt11)
      await pay(5, 'INVOICE_REFUSED', 'lnbcrt1nonsense')
      await pay(5, 'INVOICE_REFUSED', good.slice(0, -1) + (good.endsWith('q') ? 'p' : 'q'))
      await pay(5, 'NO_ROUTE', written({}))
      await pay(2, 'BAD_INPUT', good, '--max', 'little')
      // A dry run refuses them too.
      for (const [code, invoice] of [
        ['OVER_LIMIT', large],
        ['ALREADY_PAID', paid],
        ['INVOICE_REFUSED', own.invoice],
        ['NO_AMOUNT', written({ msat: null })]
      ] as const)
        await pay(5, code, invoice, '--dry-run')
      await buyer.restart({ syncing: 'Still loading latest blocks from bitcoind.' })
      assert.match(await pay(5, 'WALLET_SYNCING', good), /Still loading latest blocks/)
      await buyer.behave({ syncing: '' })
    })
    await world.ok('buyer', ['wallet', 'pay', good])
  })

  await t.test('a path that is not a socket and a node that is locked are refused', async () => {
    await world.home('new')
    const before = await readFile(world.at('new', 'config.json'), 'utf8')
    await writeFile(world.at('file'), 'not a socket')
    const echo = createServer(socket => socket.on('error', () => undefined).end('hello\n'))
    await new Promise<void>(resolve => echo.listen(world.at('echo'), resolve))
    t.after(() => echo.close())
    const connect = (exit: number, code: string, ...args: string[]): Promise<string> =>
      fails('new', exit, code, 'wallet', 'connect', 'cln', ...args)
    await connect(2, 'BAD_INPUT')
    assert.match(await connect(5, 'WALLET_UNREACHABLE', '--socket', world.at('nothing')), /no such socket/)
    await connect(5, 'WALLET_UNREACHABLE', '--socket', world.at('file'))
    await connect(5, 'WALLET_UNREACHABLE', '--socket', world.at('echo'))
    await connect(5, 'WALLET_UNREACHABLE', '--socket', source)
    const locked = await lightning.start('locked')
    await locked.behave({ mute: '*' })
    assert.match(await connect(5, 'WALLET_TIMEOUT', '--socket', locked.socket), /locked/)
    assert.equal(await readFile(world.at('new', 'config.json'), 'utf8'), before)
    await fails('buyer', 2, 'ALREADY_RUNNING', 'wallet', 'connect', 'play')
  })

  await t.test('a node on bitcoin is used after one consent, within the limits that were shown', async () => {
    const bank = lightning.at('bank')
    await world.home('banker')
    await world.ok('banker', ['market', 'join', market])
    const config = async (): Promise<{ wallet?: { network: string; consented: number } }> =>
      JSON.parse(await readFile(world.at('banker', 'config.json'), 'utf8')) as object
    const connect = ['wallet', 'connect', 'cln', '--socket', bank.socket]
    const said = await fails('banker', 2, 'CONSENT_NEEDED', ...connect)
    assert.match(said, /10 000 sat a deal, 20 000 sat a peer and 50 000 sat a day/)
    assert.equal((await config()).wallet, undefined)
    await world.ok('banker', [...connect, '--dry-run'])
    assert.equal((await config()).wallet, undefined)
    const began = Date.now()
    await world.ok('banker', [...connect, '--accept-real-money'])
    const { network, consented } = (await config()).wallet!
    assert.equal(network, 'bitcoin')
    assert.ok(consented >= began && consented <= Date.now())
    await world.ok('banker', connect)
    assert.equal((await config()).wallet!.consented, consented, 'it is asked for once')
    const limits = await world.ok('banker', ['wallet', 'limits'])
    assert.deepEqual([limits.dealMsat, limits.peerMsat, limits.dayMsat], ['10000000', '20000000', '50000000'])
    // Networks never meet: the offer on regtest is not one for bitcoin.
    const failure = await world.fails('banker', ['mirror', source, '--copies', '1'], 4)
    assert.equal(failure.code, 'NO_OFFER')
    assert.match(failure.message, /0 asks/)
    assert.deepEqual((await world.book('banker', book => book.inStep)).asks, [])
  })

  await t.test('a lease whose first two installments cannot be received does not start', async () => {
    const locked = lightning.at('locked')
    await locked.restart()
    await buyer.channel(locked, CAPACITY, CAPACITY / 2n) // so that the buyer has enough to pay with
    const reserve = CAPACITY / 100n
    const mirror = ['mirror', source, '--copies', '1', '--time', '200d', '--ahead', 'all']
    await buyer.channel(seller, CAPACITY, reserve + 14_999n) // 5 and 10 sat are due
    await unpaid(async () => {
      assert.equal((await world.fails('buyer', mirror, 4)).code, 'NO_OFFER')
    })
    await buyer.channel(seller, CAPACITY, CAPACITY / 2n)
    await world.ok('buyer', mirror)
  })

  await t.test('another node or another network at the connected path is refused', async () => {
    const { socket } = lightning.at('locked')
    await lightning.at('locked').restart()
    await world.ok('new', ['wallet', 'connect', 'cln', '--socket', socket])
    const file = world.at('new', 'config.json')
    const plain = JSON.parse(await readFile(file, 'utf8')) as { wallet: object }
    const change = (wallet: object): Promise<void> =>
      writeFile(file, JSON.stringify({ ...plain, wallet: { ...plain.wallet, ...wallet } }))
    await change({ network: 'signet' })
    await fails('new', 5, 'WRONG_NETWORK', 'wallet')
    await change({ nodeId: buyer.nodeId.toString('hex') })
    await fails('new', 5, 'WRONG_NODE', 'wallet')
  })
})

/** An invoice of an unknown node. */
function written({ msat = '7000', timestamp = Math.floor(Date.now() / 1000) }: Written): string {
  const unsigned = bolt11.encode(
    {
      network: { bech32: 'bcrt', pubKeyHash: 0x6f, scriptHash: 0xc4, validWitnessVersions: [0, 1] },
      ...(msat === null ? {} : { millisatoshis: msat }),
      timestamp,
      tags: [
        { tagName: 'payment_hash', data: createHash('sha256').update(randomBytes(32)).digest('hex') },
        { tagName: 'description', data: 'of a stranger' },
        { tagName: 'payment_secret', data: randomBytes(32).toString('hex') },
        {
          tagName: 'feature_bits',
          data: {
            word_length: 4,
            var_onion_optin: { required: true, supported: true },
            payment_secret: { required: true, supported: true }
          }
        }
      ]
    },
    false
  )
  return bolt11.sign(unsigned, '01'.repeat(32)).paymentRequest!
}

interface Written {
  msat?: string | null
  timestamp?: number
}
