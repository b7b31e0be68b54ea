import assert from 'node:assert/strict'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { nameOf } from '../../../src/cli/syntax.js'
import type { ListedCommand } from '../../../src/cli/syntax.js'
import { Home } from '../../../src/identity/home.js'
import { runCommandLine } from '../../parts/cli/command-line.js'

let dir = ''
let home = ''

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bushel-usage-'))
  home = join(dir, 'home')
  await Home.create(home)
  await writeFile(join(dir, 'rules.json'), '{ "maxOrders": "many" }')
  await writeFile(join(dir, 'job.wasm'), 'no module')
})
after(() => rm(dir, { recursive: true, force: true }))

const price = '25 sat/GiB-month'
const fuel = '40 sat/Tfuel'

/** A valid command line, to which a case adds what is wrong; the values may have spaces. */
const typed =
  (words: string, ...values: string[]) =>
  (...more: string[]): string[] => [...words.split(' '), ...values, ...more]

const sell = typed('sell storage --space 1GiB --price', price)
const bid = typed('bid storage . --time 1d --copies 1 --max-price', price)
const lend = typed('sell compute --cores 2 --memory 2GiB --price', fuel)
const ask = typed('bid compute DIR/job.wasm --out DIR/out --max', '9 sat', '--max-price', fuel)
const job = typed('run DIR/job.wasm --no-stdin')
const key = 'y'.repeat(52)

const inDir = (words: string[]): string[] => words.map(word => word.replace('DIR', dir))

/** What is typed, the code of the error, and what its message must match. */
const cases: [string[], string, RegExp][] = [
  [[], 'USAGE', /command is missing/],
  [['market'], 'USAGE', /command is missing/],
  [['sell'], 'USAGE', /command is missing/],
  [['frobnicate'], 'USAGE', /frobnicate/],
  [['sell', 'bandwidth'], 'USAGE', /bandwidth/],
  [['up', '--fast'], 'USAGE', /--fast/],
  [['up', 'now'], 'USAGE', /too many/],
  [['up', '--log-level', 'loud'], 'USAGE', /loud.*error, warn, info, debug/],
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
  [['bid', 'storage', 'DIR/gone', '--time', '1d', '--copies', '1', '--max-price', price], 'BAD_PATH', /gone/],
  [['mirror', 'DIR/gone'], 'BAD_PATH', /gone/],
  [['mirror', ''], 'BAD_PATH', /path/],
  [['mirror', '.', '--copies', '0'], 'BAD_INPUT', /'0'/],
  [['mirror', '.', '--copies', '65'], 'BAD_INPUT', /'65'/],
  [['mirror', '.', '--copies', '1.5'], 'BAD_INPUT', /1\.5/],
  [['mirror', '.', '--time', 'forever'], 'BAD_INPUT', /forever/],
  [['mirror', '.', '--time', '-1d'], 'BAD_INPUT', /-1d/],
  [['mirror', '.', '--time', '40000d'], 'BAD_INPUT', /hundred years/],
  [['mirror', '.', '--max-price', '25'], 'BAD_INPUT', /25/],
  [['mirror', '.', '--prepay-max', '5 eur'], 'BAD_INPUT', /5 eur/],
  [['restore', 'https://example.com', 'x'], 'BAD_LINK', /example\.com/],
  [['restore', `bushel://${'y'.repeat(109)}`, 'x'], 'BAD_LINK', /bushel/],
  [['restore', 'bushel://', 'x'], 'BAD_LINK', /bushel/],
  [['sell', 'compute', '--cores', '2', '--memory', '2GiB'], 'USAGE', /--price/],
  [['sell', 'compute', '--cores', '0', '--memory', '2GiB', '--price', fuel], 'BAD_INPUT', /'0'/],
  [['sell', 'compute', '--cores', '1025', '--memory', '2GiB', '--price', fuel], 'BAD_INPUT', /1025/],
  [['sell', 'compute', '--cores', '2', '--memory', 'much', '--price', fuel], 'BAD_INPUT', /much/],
  [['sell', 'compute', '--cores', '2', '--memory', '2GiB', '--price', price], 'BAD_INPUT', /compute price/],
  [lend('--base', 'nothing'), 'BAD_INPUT', /nothing/],
  [lend('--hours', '22-7'), 'BAD_INPUT', /22-7/],
  [lend('--hours', '22:00-24:00'), 'BAD_INPUT', /24:00/],
  [lend('--hours', '07:00-07:00'), 'BAD_INPUT', /07:00/],
  [lend('--region', 'E U'), 'BAD_INPUT', /E U/],
  [['bid', 'compute', 'DIR/job.wasm', '--max', '9 sat', '--max-price', fuel], 'USAGE', /--out/],
  [ask('--verify', '17'), 'BAD_INPUT', /17/],
  [['run'], 'USAGE', /module/],
  [['run', 'DIR/gone.wasm', '--no-stdin'], 'BAD_PATH', /gone/],
  [job('--in', 'DIR/gone'), 'BAD_PATH', /gone/],
  [job('--verify', '0'), 'BAD_INPUT', /'0'/],
  [job('--verify', 'often'), 'BAD_INPUT', /often/],
  [job('--max', 'all'), 'BAD_INPUT', /all/],
  [job('--max-price', price), 'BAD_INPUT', /compute price/],
  [job('--limit', 'wall'), 'BAD_INPUT', /''/],
  [job('--limit', 'wall=8d'), 'BAD_INPUT', /8d/],
  [job('--limit', 'wall=200h'), 'BAD_INPUT', /200h/],
  [job('--limit', 'memory=5GiB'), 'BAD_INPUT', /5GiB/],
  [job('--limit', 'inodes=0'), 'BAD_INPUT', /inodes=0/],
  [job('--limit', 'luck=1'), 'BAD_INPUT', /luck/],
  [job('--limit', 'constructor=1'), 'BAD_INPUT', /constructor/],
  [job('--limit', 'wall=1s,,memory=1MiB'), 'BAD_INPUT', /''/],
  [job('--map', 'x*', '--in', 'DIR'), 'BAD_INPUT', /--map/],
  [job('--map', 'x*', '--parallel', '0'), 'BAD_INPUT', /'0'/],
  [job('--local', '--dry-run'), 'BAD_INPUT', /--local/],
  [job('--local'), 'BAD_MODULE', /job\.wasm/],
  [job('--local', '--map', 'DIR/none*'), 'BAD_MODULE', /job\.wasm/],
  [['job'], 'USAGE', /command is missing/],
  [['job', 'show', 'nonsense'], 'BAD_KEY', /nonsense/],
  [['job', 'cancel', '!'], 'BAD_KEY', /!/],
  [['withdraw', 'abc'], 'BAD_KEY', /abc/],
  [['withdraw', 'nonsense'], 'BAD_KEY', /nonsense/],
  [['leases', 'end', 'nonsense'], 'BAD_KEY', /nonsense/],
  [['leases', 'end', '!'], 'BAD_KEY', /!/]
]

test('bad input gives one clear line and exit code 2 before any node starts, and changes nothing', async () => {
  const before = await readdir(home)
  for (const [words, code, named] of cases) {
    const argv = [...inDir(words), '--home', words[0] === 'init' ? join(dir, 'new') : home]
    const json = await runCommandLine(['--json', ...argv])
    const shown = words.join(' ')
    assert.equal(json.failure?.code, code, shown)
    assert.equal(json.failure.exit, 2, shown)
    assert.match(json.failure.message, named, shown)
    assert.equal(json.lines.length, 1, shown)
    assert.deepEqual(json.lines[0], { error: json.failure.toJSON() }, shown)
    assert.equal(json.stderr, '', shown)

    const people = await runCommandLine(argv)
    assert.equal(people.failure?.code, code, shown)
    assert.equal(people.stdout, '', shown)
    assert.match(people.stderr, /bushel: [^\n]+\n(hint: [^\n]+\n)?$/, shown)

    assert.doesNotMatch(people.stderr, /[\u0000-\u0009\u000b-\u001f]/, shown)
  }
  assert.deepEqual(await readdir(home), before)
  assert.deepEqual((await readdir(dir)).sort(), ['home', 'job.wasm', 'rules.json'])
})

test('every command that needs a home says so when there is none', async () => {
  const nowhere = join(dir, 'nowhere')
  const commands = [
    ['up'],
    ['book'],
    ['wallet'],
    ['status'],
    ['store', 'check'],
    ['leases'],
    ['market', 'list'],
    ['market', 'join', key],
    ['leases', 'end', key],
    ['withdraw', key],
    ['mirror', '.'],
    sell(),
    bid(),
    lend(),
    ask(),
    job(),
    ['jobs'],
    ['job', 'show', key],
    ['job', 'cancel', key],
    ['sell', 'pause'],
    ['book', 'compute']
  ]
  for (const words of commands) {
    const { failure } = await runCommandLine(['--home', nowhere, ...inDir(words)])
    assert.deepEqual([failure?.code, failure?.exit], ['NO_HOME', 2], words.join(' '))
  }
  assert.deepEqual((await readdir(dir)).sort(), ['home', 'job.wasm', 'rules.json'])
})

test('every command that needs a running node says so when there is none', async () => {
  const commands = [sell(), bid(), ['withdraw', key], sell('--dry-run'), lend(), lend('--dry-run'), ask()]
  for (const words of [...commands, ['sell', 'pause'], ['sell', 'resume']]) {
    const { failure } = await runCommandLine(['--home', home, ...inDir(words)])
    assert.deepEqual([failure?.code, failure?.exit], ['NOT_RUNNING', 1], words.join(' '))
    assert.match(failure!.hint, /bushel up/)
  }
})

test('every command has help with an example within 80 columns', async () => {
  const seen: string[] = []
  const visit = async (path: string[]): Promise<void> => {
    const { stdout, failure } = await runCommandLine(['help', ...path])
    assert.equal(failure, null, path.join(' '))
    assert.equal((await runCommandLine([...path, '--help'])).stdout, stdout)
    for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line)
    if (path.length > 0)
      assert.match(stdout, new RegExp(`Example:\n {2}\\$ bushel ${path.join(' ')}`), path.join(' '))
    for (const name of commandsIn(stdout)) {
      if (name === 'help') continue
      seen.push([...path, name].join(' '))
      await visit([...path, name])
    }
  }
  await visit([])
  const list = new URL('../../../src/cli/commands.json', import.meta.url)
  const listed = JSON.parse(await readFile(list, 'utf8')) as ListedCommand[]
  assert.deepEqual(seen.sort(), listed.map(({ syntax }) => nameOf(syntax)).sort())
  assert.ok(seen.length > 30, seen.join())
})

/** The names under the headings of commands. */
function commandsIn(help: string): string[] {
  const other = /^(Usage|Arguments|Options|Global Options|Example|For scripts):/
  const sections = help
    .split('\n\n')
    .filter(section => /^[A-Z][a-z ]+:\n/.test(section) && !other.test(section))
  return sections.flatMap(section => [...section.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name!))
}
