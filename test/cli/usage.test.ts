import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Home } from '../../src/identity/home.js'
import { typed } from './command-line.js'

let dir = ''
let home = ''

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bushel-usage-'))
  home = join(dir, 'home')
  await Home.create(home)
  await writeFile(join(dir, 'rules.json'), '{ "maxOrders": "many" }')
})
after(() => rm(dir, { recursive: true, force: true }))

const price = '25 sat/GiB-month'
const sell = (...more: string[]): string[] => [
  'sell',
  'storage',
  '--space',
  '1GiB',
  '--price',
  price,
  ...more
]
const bid = (...more: string[]): string[] => [
  'bid',
  'storage',
  '.',
  '--time',
  '1d',
  '--copies',
  '1',
  '--max',
  price,
  ...more
]
const key = 'y'.repeat(52)

/** What is typed, the code of the error, and what its message must name. */
const cases: [string[], string, RegExp][] = [
  [[], 'USAGE', /command is missing/],
  [['market'], 'USAGE', /command is missing/],
  [['sell'], 'USAGE', /command is missing/],
  [['frobnicate'], 'USAGE', /frobnicate/],
  [['sell', 'compute'], 'USAGE', /compute/],
  [['book', 'compute'], 'USAGE', /compute/],
  [['up', '--fast'], 'USAGE', /--fast/],
  [['up', 'now'], 'USAGE', /too many/],
  [['leases', 'begin'], 'USAGE', /too many/],
  [['mirror'], 'USAGE', /path/],
  [['restore', 'bushel://'], 'USAGE', /dest/],
  [['market', 'create'], 'USAGE', /--name/],
  [['sell', 'storage', '--price', price], 'USAGE', /--space/],
  [['mirror', '.', '--copies'], 'USAGE', /--copies/],
  [['help', 'frobnicate'], 'USAGE', /frobnicate/],
  [['status', '--bootstrap', 'nowhere'], 'BAD_BOOTSTRAP', /nowhere/],
  [['status', '--bootstrap', '127.0.0.1:0'], 'BAD_BOOTSTRAP', /:0/],
  [['status', '--bootstrap', '127.0.0.1:1,:2'], 'BAD_BOOTSTRAP', /:2/],
  [['status', '--bootstrap', '127.0.0.1:65536'], 'BAD_BOOTSTRAP', /65536/],
  [['book', '--market', ''], 'BAD_INPUT', /market/],
  [['book', '--market', 'a\u001b[2Jb'], 'BAD_INPUT', /market/],
  [['dht', '--port', '0'], 'BAD_INPUT', /'0'/],
  [['dht', '--port', '65536'], 'BAD_INPUT', /65536/],
  [['dht', '--port', '80a'], 'BAD_INPUT', /80a/],
  [['init', '--play-grant', 'a lot'], 'BAD_INPUT', /a lot/],
  [['init', '--play-grant', '0.0001 sat'], 'BAD_INPUT', /0\.0001/],
  [['init', '--words', 'abandon abandon'], 'BAD_WORDS', /command line/],
  [['market', 'create', '--name', ''], 'BAD_INPUT', /name/],
  [['market', 'create', '--name', 'x'.repeat(65)], 'BAD_INPUT', /name/],
  [['market', 'create', '--name', 'a\nb'], 'BAD_INPUT', /name/],
  [['market', 'create', '--name', key], 'BAD_INPUT', /name/],
  [['market', 'create', '--name', 'n', '--rules', 'DIR/none.json'], 'BAD_PATH', /none\.json/],
  [['market', 'create', '--name', 'n', '--rules', 'DIR/rules.json'], 'BAD_RULES', /rules\.json/],
  [['market', 'create', '--name', 'n', '--rules', 'DIR'], 'BAD_RULES', /bushel-usage/],
  [['market', 'join', 'abc'], 'BAD_KEY', /abc/],
  [['market', 'join', 'l'.repeat(52)], 'BAD_KEY', /lll/],
  [['market', 'use', ' '], 'BAD_INPUT', /market/],
  [['market', 'admit', 'me'], 'BAD_KEY', /me/],
  [['sell', 'storage', '--space', '0GiB', '--price', price], 'BAD_INPUT', /0GiB/],
  [['sell', 'storage', '--space', '-1GiB', '--price', price], 'BAD_INPUT', /-1GiB/],
  [['sell', 'storage', '--space', '1', '--price', price], 'BAD_INPUT', /'1'/],
  [['sell', 'storage', '--space', '9999999TiB', '--price', price], 'BAD_INPUT', /9999999TiB/],
  [['sell', 'storage', '--space', '1GiB', '--price', 'cheap'], 'BAD_INPUT', /cheap/],
  [['sell', 'storage', '--space', '1GiB', '--price', '0 sat/GiB-month'], 'BAD_INPUT', /0 sat/],
  [['sell', 'storage', '--space', '1GiB', '--price', '-5 sat/GiB-month'], 'BAD_INPUT', /-5 sat/],
  [sell('--min-time', '1 fortnight'), 'BAD_INPUT', /fortnight/],
  [sell('--min-time', '2d', '--max-time', '1d'), 'BAD_INPUT', /--max-time/],
  [sell('--region', 'Europe!'), 'BAD_INPUT', /Europe!/],
  [bid('--prepay-max', 'all'), 'BAD_INPUT', /all/],
  [['bid', 'storage', 'DIR/gone', '--time', '1d', '--copies', '1', '--max', price], 'BAD_PATH', /gone/],
  [['mirror', 'DIR/gone'], 'BAD_PATH', /gone/],
  [['mirror', ''], 'BAD_PATH', /path/],
  [['mirror', '.', '--copies', '0'], 'BAD_INPUT', /'0'/],
  [['mirror', '.', '--copies', '65'], 'BAD_INPUT', /'65'/],
  [['mirror', '.', '--copies', '1.5'], 'BAD_INPUT', /1\.5/],
  [['mirror', '.', '--time', 'forever'], 'BAD_INPUT', /forever/],
  [['mirror', '.', '--time', '-1d'], 'BAD_INPUT', /-1d/],
  [['mirror', '.', '--time', '40000d'], 'BAD_INPUT', /hundred years/],
  [['mirror', '.', '--max', '25'], 'BAD_INPUT', /25/],
  [['mirror', '.', '--prepay-max', '5 eur'], 'BAD_INPUT', /5 eur/],
  [['restore', 'https://example.com', 'x'], 'BAD_LINK', /example\.com/],
  [['restore', `bushel://${'y'.repeat(109)}`, 'x'], 'BAD_LINK', /bushel/],
  [['restore', 'bushel://', 'x'], 'BAD_LINK', /bushel/],
  [['withdraw', 'abc'], 'BAD_KEY', /abc/],
  [['withdraw', 'nonsense'], 'BAD_KEY', /nonsense/],
  [['leases', 'end', 'nonsense'], 'BAD_KEY', /nonsense/],
  [['leases', 'end', '!'], 'BAD_KEY', /!/]
]

test('bad input is one clear line, exit code 2, and changes nothing, before any node is started', async () => {
  const before = await readdir(home)
  for (const [words, code, named] of cases) {
    const argv = [
      ...words.map(word => word.replace('DIR', dir)),
      '--home',
      words[0] === 'init' ? join(dir, 'new') : home
    ]
    const json = await typed(['--json', ...argv])
    const shown = words.join(' ')
    assert.equal(json.failure?.code, code, shown)
    assert.equal(json.failure.exit, 2, shown)
    assert.match(json.failure.message, named, shown)
    assert.equal(json.lines.length, 1, shown)
    assert.deepEqual(json.lines[0], { error: json.failure.toJSON() }, shown)
    assert.equal(json.stderr, '', shown)

    const people = await typed(argv)
    assert.equal(people.failure?.code, code, shown)
    assert.equal(people.stdout, '', shown)
    assert.match(people.stderr, /bushel: [^\n]+\n(hint: [^\n]+\n)?$/, shown)

    assert.doesNotMatch(people.stderr, /[\u0000-\u0009\u000b-\u001f]/, shown)
  }
  assert.deepEqual(await readdir(home), before)
  assert.deepEqual((await readdir(dir)).sort(), ['home', 'rules.json'])
})

test('every command that needs a home says so where there is none', async () => {
  const nowhere = join(dir, 'nowhere')
  const commands = [
    ['up'],
    ['book'],
    ['wallet'],
    ['status'],
    ['leases'],
    ['market', 'list'],
    ['market', 'join', key],
    ['leases', 'end', key],
    ['withdraw', key],
    ['mirror', '.'],
    sell(),
    bid()
  ]
  for (const words of commands) {
    const { failure } = await typed(['--home', nowhere, ...words])
    assert.deepEqual([failure?.code, failure?.exit], ['NO_HOME', 2], words.join(' '))
  }
  assert.deepEqual((await readdir(dir)).sort(), ['home', 'rules.json'])
})

test('what needs `up` says so', async () => {
  for (const words of [sell(), bid(), ['withdraw', key], sell('--dry-run')]) {
    const { failure } = await typed(['--home', home, ...words])
    assert.deepEqual([failure?.code, failure?.exit], ['NOT_RUNNING', 1], words.join(' '))
    assert.match(failure!.hint, /bushel up/)
  }
})

test('every command has help, with an example, within 80 columns', async () => {
  const seen: string[] = []
  const visit = async (path: string[]): Promise<void> => {
    const { stdout, failure } = await typed(['help', ...path])
    assert.equal(failure, null, path.join(' '))
    assert.equal((await typed([...path, '--help'])).stdout, stdout)
    for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line)
    if (path.length > 0)
      assert.match(stdout, new RegExp(`Example:\n {2}\\$ bushel ${path.join(' ')}`), path.join(' '))
    const commands = /\nCommands:\n([^]*?)(\n\n|$)/.exec(stdout)?.[1] ?? ''
    for (const [, name] of commands.matchAll(/^ {2}([a-z-]+)/gm)) {
      if (name === 'help') continue
      seen.push([...path, name!].join(' '))
      await visit([...path, name!])
    }
  }
  await visit([])
  assert.deepEqual(seen, [
    'init',
    'dht',
    'market',
    'market create',
    'market join',
    'market use',
    'market list',
    'market admit',
    'up',
    'sell',
    'sell storage',
    'book',
    'bid',
    'bid storage',
    'withdraw',
    'mirror',
    'restore',
    'leases',
    'leases end',
    'wallet',
    'wallet connect',
    'wallet history',
    'wallet invoice',
    'wallet pay',
    'wallet limits',
    'log',
    'receipt',
    'receipt export',
    'receipt verify',
    'status'
  ])
})
