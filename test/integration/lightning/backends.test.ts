import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Daemon } from '../../../src/daemon/daemon.js'
import { BootstrapNode } from '../../../src/daemon/bootstrap-node.js'
import { prefixOf } from '../../../src/lightning/networks.js'
import { registerBackend, walletBackends } from '../../../src/lightning/registry.js'
import { faultIn, path, text, url } from '../../../src/lightning/settings.js'
import { readingStore } from '../../../src/node/home-store.js'
import { walletTable } from '../../../src/node/tables.js'
import { runCommandLine } from '../../parts/cli/command-line.js'
import type { CommandOutput } from '../../parts/cli/command-line.js'
import { fake, replaceAccount } from './fake-backend.js'

registerBackend(fake)

let dir: string
let dht: BootstrapNode

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bushel-backends-'))
  dht = new BootstrapNode()
  await dht.ready()
})
after(async () => {
  await dht.close()
  await rm(dir, { recursive: true, force: true })
})

const bushel = (home: string, ...words: string[]): Promise<CommandOutput> =>
  runCommandLine([...words, '--home', join(dir, home), '--bootstrap', `${dht.host}:${dht.port}`])

async function result(home: string, ...words: string[]): Promise<Record<string, unknown>> {
  const said = await bushel(home, ...words, '--json')
  assert.equal(said.exit, 0, said.stdout + said.stderr)
  return said.lines.at(-1)!
}

async function refusal(home: string, ...words: string[]): Promise<{ code: string; message: string }> {
  const { failure } = await bushel(home, ...words)
  assert.ok(failure, words.join(' '))
  assert.ok(!failure.message.includes('\n'), 'one line')
  return { code: failure.code, message: failure.message }
}

async function newHome(name: string, ...connect: string[]): Promise<void> {
  await result(name, 'init')
  if (connect.length > 0) await result(name, 'wallet', 'connect', ...connect)
}

const configOf = (name: string): string => join(dir, name, 'config.json')

test('a third kind of wallet is connected, shown, pays and is paid', async t => {
  const help = await runCommandLine(['wallet', 'connect', '--help'])
  assert.match(help.stdout, /choices: "cln", "fake", "play"/)
  assert.match(help.stdout, /--account <text>\s+name of the account/)
  assert.match(help.stdout, /--pin-file <path>\s+file with the PIN/)
  await newHome('ann')
  const said = await bushel('ann', 'wallet', 'connect', 'fake', '--account', 'anns')
  assert.match(said.stdout, /^connected: Bank 'account anns' on regtest\ncan send +1 000 sat\n/)
  await newHome('bob', 'fake', '--account', 'bobs')
  assert.match((await bushel('ann', 'wallet')).stdout, /^wallet +Bank 0[23][0-9a-f]{14}\nnetwork +regtest\n/)
  assert.equal((await result('ann', 'status'))['network'], 'regtest')

  const bootstrap = [{ host: dht.host, port: dht.port }]
  const daemons = ['ann', 'bob'].map(name => new Daemon({ home: join(dir, name), bootstrap }))
  t.after(() => Promise.all(daemons.map(daemon => daemon.close())))
  for (const daemon of daemons) await daemon.ready()
  const { invoice } = await result('bob', 'wallet', 'invoice', '100 sat', '--description', 'tea')
  const paid = await result('ann', 'wallet', 'pay', String(invoice))
  assert.deepEqual([paid['msat'], paid['feeMsat'], paid['description']], ['100000', '21', 'tea'])
  assert.equal((await refusal('ann', 'wallet', 'pay', String(invoice))).code, 'ALREADY_PAID')
  assert.equal((await result('ann', 'wallet'))['spendableMsat'], '899979')
  const wallet = await result('bob', 'wallet')
  assert.deepEqual([wallet['backend'], wallet['spendableMsat']], ['fake', '1100000'])
  const { notes } = await result('bob', 'status')
  assert.deepEqual(notes, ['can receive 5 000 sat over the channels that are open now'])
  const { records } = await result('bob', 'wallet', 'history')
  const [{ direction, msat, kind }] = records as [Record<string, string>]
  assert.deepEqual([direction, msat, kind], ['received', '100000', 'direct'])
  assert.equal((await result('ann', 'log', '--check'))['ok'], true)
})

test('consent depends on whether a wallet has real money, not on its kind', async () => {
  await newHome('rich')
  const connect = ['wallet', 'connect', 'fake', '--account', 'gold']
  assert.equal((await refusal('rich', ...connect)).code, 'CONSENT_NEEDED')
  await result('rich', ...connect, '--accept-real-money')
  await result('rich', ...connect)
})

test('unknown, missing and invalid settings are refused before the wallet is probed', async () => {
  await newHome('cat')
  const before = await readFile(configOf('cat'), 'utf8')
  const cases: [string[], RegExp][] = [
    [['fake'], /--account is missing/],
    [['fake', '--account', 'a\nb'], /--account is not one line of text/],
    [['fake', '--account', 'a', '--socket', 's'], /--socket is not a setting of this wallet/],
    [['play', '--account', 'a'], /--account is not a setting/],
    [['cln'], /--socket is missing/]
  ]
  for (const [words, message] of cases) {
    const { code, message: said } = await refusal('cat', 'wallet', 'connect', ...words)
    assert.equal(code, 'BAD_INPUT', said)
    assert.match(said, message)
  }
  const pin = ['wallet', 'connect', 'fake', '--account', 'a', '--pin-file', './pin']
  assert.match((await refusal('cat', ...pin)).message, /there is no \/.*\/pin$/)
  assert.equal(await readFile(configOf('cat'), 'utf8'), before)
})

test('an unknown or invalid wallet in config.json gives one clear line', async () => {
  await newHome('dan', 'fake', '--account', 'dans')
  const config = JSON.parse(await readFile(configOf('dan'), 'utf8')) as { wallet: object }
  const cases: [object, RegExp][] = [
    [
      { backend: 'lnd' },
      /config\.json names the wallet 'lnd', which this version does not know \(it knows cln, fake, play\)/
    ],
    [{ settings: {} }, /'fake' of config\.json cannot be used: 'account' is missing/],
    [{ settings: { account: 'dans', socket: '/s' } }, /'socket' is not a setting/],
    [{ settings: { account: '' } }, /'account' is not one line/],
    [{ network: 'bitcoin' }, /it is not on the network 'bitcoin'/],
    [{ nodeId: undefined, network: undefined }, /it names no Lightning node/],
    [{ backend: 'play', settings: {} }, /it is part of the home/]
  ]
  for (const [change, message] of cases) {
    await writeFile(configOf('dan'), JSON.stringify({ ...config, wallet: { ...config.wallet, ...change } }))
    for (const command of [['wallet'], ['wallet', 'invoice', '1 sat']]) {
      const said = await refusal('dan', ...command)
      assert.equal(said.code, 'BAD_CONFIG', said.message)
      assert.match(said.message, message)
    }
  }
  await writeFile(configOf('dan'), JSON.stringify(config))
  replaceAccount('dans')
  assert.equal((await refusal('dan', 'wallet')).code, 'WRONG_NODE')
})

test('each wallet has its own memory in the home', async () => {
  await newHome('eve', 'fake', '--account', 'first')
  const opened = async (): Promise<string[]> => {
    return readingStore(join(dir, 'eve'), store =>
      [...store.table(walletTable).list()].map(({ value }) => value.toString())
    )
  }
  await result('eve', 'wallet', 'limits')
  await result('eve', 'wallet', 'limits')
  assert.deepEqual(await opened(), ['2'])
  await result('eve', 'wallet', 'connect', 'fake', '--account', 'second')
  await result('eve', 'wallet', 'limits')
  assert.deepEqual((await opened()).sort(), ['1', '2'])
})

test('every descriptor is distinct and complete', () => {
  const node = { id: Buffer.alloc(33, 2), network: 'regtest' }
  const backends = walletBackends()
  const ledgers = backends.map(({ ledgerName, embedded }) => ledgerName(embedded ? null : node))
  assert.equal(new Set(ledgers).size, backends.length)
  assert.equal(backends.filter(({ embedded }) => embedded).length, 1)
  for (const { id, title, networks, settings, ledgerName, embedded } of backends) {
    assert.match(id, /^[a-z][a-z0-9-]{0,31}$/)
    assert.ok(title.length > 0 && networks.length > 0)
    for (const name of Object.keys(settings)) assert.match(name, /^[a-z][a-zA-Z]*$/)
    for (const network of networks) assert.ok(prefixOf(network), network)
    if (!embedded) assert.throws(() => ledgerName(null), TypeError)
  }
  assert.throws(() => registerBackend(fake), /a wallet with the id 'fake' is registered already/)
})

test('the values of a setting are checked against its kind', () => {
  const schema = {
    host: url({ required: true, help: '', example: '', protocols: ['https:'] }),
    cert: path({ required: false, help: '', example: '' }),
    name: text({ required: false, help: '', example: '', check: name => (name === 'x' ? 'is x' : null) })
  }
  const host = 'https://node:8080'
  assert.equal(faultIn(schema, { host, cert: '/cert', name: 'a' }), null)
  const faults: [Record<string, string>, string, string][] = [
    [{}, 'host', 'missing'],
    [{ host: 'node' }, 'host', 'bad'],
    [{ host: 'http://node' }, 'host', 'bad'],
    [{ host, cert: 'cert' }, 'cert', 'bad'],
    [{ host, name: 'x' }, 'name', 'bad'],
    [{ host, name: 'a\u0007' }, 'name', 'bad'],
    [{ host, constructor: 'a' }, 'constructor', 'unknown']
  ]
  for (const [values, name, fault] of faults) {
    const found = faultIn(schema, values)
    assert.deepEqual([found?.name, found?.fault], [name, fault])
  }
})
