import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import z32 from 'z32'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey } from '../../../contracts/keys/key.js'
import { Daemon } from '../../../src/daemon/daemon.js'
import { LogFile } from '../../../src/daemon/log/log-file.js'
import { openLog } from '../../../src/daemon/log/open-log.js'
import type { LogOptions, PlainLine } from '../../../src/daemon/log/open-log.js'
import { Home } from '../../../src/identity/home.js'
import { FakeNode } from '../../doubles/fake-node.js'

type Kept = Record<string, unknown>

async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-log-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

async function newHome(t: TestContext): Promise<{ home: Home; words: string }> {
  const { home, words } = await Home.create(join(await folder(t), 'home'))
  return { home, words: words! }
}

function fileOf(home: Home): string {
  return join(home.dir, 'logs', 'bushel.log')
}

async function linesOf(file: string): Promise<Kept[]> {
  const text = await readFile(file, 'utf8')
  assert.ok(text.endsWith('\n'))
  return text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Kept)
}

/** Settings as their owner writes them. */
async function settle(home: Home, log: object): Promise<Home> {
  const file = join(home.dir, 'config.json')
  const config = JSON.parse(await readFile(file, 'utf8')) as object
  await writeFile(file, JSON.stringify({ ...config, log }))
  return await Home.open(home.dir)
}

function openOn(t: TestContext, home: Home, options: LogOptions = {}): ReturnType<typeof openLog> {
  const open = openLog(home, options)
  t.after(() => open.close())
  return open
}

test('a line of the log has time, level, part, message and ids, in a file of its owner alone', async t => {
  const { home } = await newHome(t)
  const { log } = openOn(t, home)
  const id = Buffer.alloc(32, 9)
  log.child('storage').info('lease agreed', { lease: id, msat: 5000n, bytes: 7, reason: null })
  const [line] = await linesOf(fileOf(home))
  const { time, ...rest } = line!
  assert.equal(new Date(time as string).toISOString(), time)
  assert.deepEqual(rest, {
    level: 'info',
    part: 'storage',
    message: 'lease agreed',
    lease: formatKey(id),
    msat: '5000',
    bytes: 7
  })
  assert.equal((await stat(fileOf(home))).mode & 0o777, 0o600)
  assert.equal((await stat(join(home.dir, 'logs'))).mode & 0o777, 0o700)
})

test('a file that others may read is closed to them', async t => {
  const file = join(await folder(t), 'open.log')
  await writeFile(file, 'an old line\n', { mode: 0o644 })
  const log = new LogFile(file)
  log.write('a new line\n')
  log.close()
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.equal(await readFile(file, 'utf8'), 'an old line\na new line\n')
})

test('a fault has its code, its stack and what was behind it', async t => {
  const { home } = await newHome(t)
  const { log } = openOn(t, home)
  const cause = new TypeError('the cause of it')
  log.child('deal').fault(new BushelError('STORE_FAILED', 'no answer').withCause(cause))
  log.fault('a text')
  const [first, second] = await linesOf(fileOf(home))
  const error = first!['error'] as Record<string, string>
  assert.deepEqual([first!['level'], first!['part'], error['code']], ['error', 'deal', 'STORE_FAILED'])
  assert.match(error['stack']!, /log\.test\.js:\d+/)
  assert.match(error['stack']!, /caused by: TypeError: the cause of it/)
  assert.deepEqual([second!['message'], second!['error']], ['a text', { name: 'string', stack: 'a text' }])
})

test('files are rotated by size, and all of them together are bounded', async t => {
  const file = join(await folder(t), 'logs', 'bushel.log')
  const log = new LogFile(file, { maxBytes: 1000, keep: 3 })
  const line = (n: number): string => `${String(n).padStart(99, '.')}\n`
  for (let n = 0; n < 200; n++) log.write(line(n))
  log.close()
  const names = (await readdir(join(file, '..'))).sort()
  assert.deepEqual(names, ['bushel.log', 'bushel.log.1', 'bushel.log.2', 'bushel.log.3'])
  const texts = await Promise.all(names.map(name => readFile(join(file, '..', name), 'utf8')))
  assert.deepEqual(
    texts.map(text => text.length),
    [1000, 1000, 1000, 1000]
  )
  const kept = [...texts.slice(1).reverse(), texts[0]!].join('')
  assert.equal(
    kept,
    Array.from({ length: 40 }, (_, i) => line(160 + i)).join(''),
    'the newest lines, in order'
  )
  for (const name of names) assert.equal((await stat(join(file, '..', name))).mode & 0o777, 0o600)

  const again = new LogFile(file, { maxBytes: 1000, keep: 3 })
  again.write(line(200))
  again.close()
  assert.equal(await readFile(file, 'utf8'), line(200), 'what an earlier process wrote counts')
})

test('where older files cannot be put beside it, the newest lines are kept, within the bound', async t => {
  const file = join(await folder(t), 'bushel.log')
  await mkdir(join(`${file}.1`, 'in the way'), { recursive: true })
  const failed: unknown[] = []
  const log = new LogFile(file, { maxBytes: 1000, keep: 1, onfailed: error => failed.push(error) })
  for (let n = 0; n < 50; n++) log.write(`${String(n).padStart(99, '.')}\n`)
  log.close()
  const text = await readFile(file, 'utf8')
  assert.ok(text.length <= 1000 && text.endsWith('49\n'))
  assert.deepEqual(failed, [])
})

test('the level and the file come from the settings, and the command line goes before them', async t => {
  const { home } = await newHome(t)
  const elsewhere = join(home.dir, 'elsewhere', 'node.log')
  const settled = await settle(home, { level: 'debug', file: elsewhere })
  openOn(t, settled).log.debug('by the settings')
  assert.deepEqual(
    (await linesOf(elsewhere)).map(({ message }) => message),
    ['by the settings']
  )

  const typed = join(home.dir, 'typed.log')
  const { log } = openOn(t, settled, { level: 'error', file: typed })
  log.warn('not heard')
  log.error('by the command line')
  assert.deepEqual(
    (await linesOf(typed)).map(({ message }) => message),
    ['by the command line']
  )
  assert.equal((await linesOf(elsewhere)).length, 1)
})

test('settings of the log that are wrong are refused with their name, and kept ones survive a change', async t => {
  const { home } = await newHome(t)
  for (const [log, why] of [
    ['loud', /'log' is not an object/],
    [{ level: 'loud' }, /'log\.level' is not one of error, warn, info, debug/],
    [{ file: 'bushel.log' }, /'log\.file' is not an absolute path/],
    [{ file: 7 }, /'log\.file'/],
    [{ colour: true }, /'log' has a setting "colour"/]
  ] as [object, RegExp][]) {
    await assert.rejects(settle(home, log), { code: 'BAD_CONFIG', exit: 2, message: why })
  }
  const settled = await settle(home, { level: 'warn' })
  await settled.useMarket(Buffer.alloc(32, 1))
  assert.deepEqual((await Home.open(home.dir)).log, { level: 'warn' })
})

test('no secret is in the log, however it gets into a line', async t => {
  const { home, words } = await newHome(t)
  const told: string[] = []
  const { log } = openOn(t, home, { level: 'debug', onlog: line => told.push(JSON.stringify(line)) })
  const seed = home.device.secretKey.subarray(0, 32)
  const key = Buffer.alloc(32, 5)
  const preimage = Buffer.alloc(32, 6)
  const link = `bushel://${z32.encode(key)}.${z32.encode(preimage)}`
  const secrets = [
    words,
    seed.toString('hex'),
    z32.encode(seed),
    seed.toString('base64').replace(/=+$/, ''),
    link
  ]
  for (const secret of secrets) {
    log.info(`said: ${secret}.`)
    log.info('in a field', { text: secret })
    log.fault(new Error(`thrown: ${secret}`, { cause: new Error(`behind: ${secret}`) }))
    log.fault(Object.assign(new Error('with a code'), { code: secret }))
  }
  log.info(`words apart: ${words.split(' ').join(', ')}`)
  log.info(`words below one another: ${words.split(' ').join('\n')}`)
  log.info(`the device ${home.device.secretKey.toString('hex')}`)
  log.info('by name', { preimage, link: 'any', seed: 'any', words: 'any', encryptionKey: key })
  log.debug(`lightningd says {"preimage": "${preimage.toString('hex')}"}`)
  const texts = [await readFile(fileOf(home), 'utf8'), told.join('\n')]
  const needles = [...secrets, link.slice(9), preimage.toString('hex'), z32.encode(preimage), z32.encode(key)]
  const list = words.split(' ')
  const threes = list.slice(2).map((word, i) => `${list[i]!} ${list[i + 1]!} ${word}`)
  for (const text of texts) {
    for (const needle of needles) assert.ok(!text.includes(needle), needle)
    for (const three of threes) assert.ok(!text.includes(three), three)
  }
  log.info('a peer offers three copies of what was asked for and waits')
  assert.match(await readFile(fileOf(home), 'utf8'), /three copies/, 'what people write stays as it is')
})

test('what peers say is cut', async t => {
  const { home } = await newHome(t)
  const { log } = openOn(t, home)
  log.info('x'.repeat(1 << 20), { reason: 'y'.repeat(1 << 20) })
  log.fault(new Error('z'.repeat(1 << 20)))
  assert.ok((await stat(fileOf(home))).size < 20_000)
})

test('a log that cannot be written is told of once, stops nothing, and goes on when it can', async t => {
  const { home } = await newHome(t)
  await writeFile(join(home.dir, 'logs'), 'a file where its folder should be')
  const told: [PlainLine, boolean][] = []
  const { log } = openOn(t, home, { onlog: (line, kept) => told.push([line, kept]) })
  log.info('first')
  log.info('second')
  assert.deepEqual(
    told.map(([{ part, message }, kept]) => [part, message.slice(0, 7), kept]),
    [
      ['log', 'the log', false],
      ['', 'first', false],
      ['', 'second', false]
    ]
  )
  await rm(join(home.dir, 'logs'))
  log.info('third')
  const lines = await linesOf(fileOf(home))
  assert.deepEqual(
    lines.map(({ message, lines }) => [message, lines]),
    [
      ['log lines could not be written', 2],
      ['third', undefined]
    ]
  )
  assert.equal(told.at(-1)![1], true)
})

test('neither a folder nor a pipe in its place keeps anybody waiting', async t => {
  const dir = await folder(t)
  const failed: unknown[] = []
  const pipe = join(dir, 'pipe')
  await promisify(execFile)('mkfifo', [pipe])
  for (const file of [dir, pipe, '/dev/full']) {
    const log = new LogFile(file, { onfailed: error => failed.push(error) })
    log.write('a line\n')
    assert.equal(log.failing, true, file)
  }
  assert.equal(failed.length, 3)
})

test('a full disk costs the lines that do not fit, and tears none that comes after', async t => {
  const file = join(await folder(t), 'bushel.log')
  const child = fileURLToPath(new URL('./full-disk.js', import.meta.url))
  const limited = `ulimit -f 16; exec "${process.execPath}" "${child}" "${file}"`
  const { stdout } = await promisify(execFile)('bash', ['-c', limited])
  const { full, failedOnce, failures, last } = JSON.parse(stdout) as Record<string, number>
  assert.equal(full, 16 * 1024, 'the last line was written in part')
  assert.deepEqual([failedOnce, failures], [1, 1])
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n')
  const whole = (line: string): Kept[] => (line.endsWith('}') ? [JSON.parse(line) as Kept] : [])
  const [lost, newest] = lines.slice(-2).flatMap(whole)
  assert.deepEqual([lost!['lines'], newest!['n']], [6, last])
  assert.equal(
    lines.flatMap(whole).length,
    lines.length - 1,
    'only the line in which the disk was full is torn'
  )
})

test('what ends the process is in the log before it does, with where it came from', async t => {
  const child = fileURLToPath(new URL('./uncaught.js', import.meta.url))
  for (const how of ['throw', 'reject']) {
    const { home } = await newHome(t)
    const running = promisify(execFile)(process.execPath, [child, home.dir, how])
    await assert.rejects(running, { code: 1 })
    const last = (await linesOf(fileOf(home))).at(-1)!
    assert.deepEqual([last['level'], last['part'], last['message']], ['error', 'uncaught', `out of ${how}`])
    assert.match((last['error'] as Record<string, string>)['stack']!, /uncaught\.js:\d+/)
  }
})

test('a daemon says when it starts and stops, and hands the log to its node', async t => {
  const { home } = await newHome(t)
  const node = new FakeNode(() => ({ markets: [] }))
  const daemon = new Daemon({
    home: home.dir,
    bootstrap: null,
    openNode: ({ log }) => {
      log.child('room').debug('a room opens')
      return Promise.resolve(node)
    },
    log: { level: 'debug' }
  })
  await daemon.ready()
  await daemon.close()
  const lines = await linesOf(fileOf(home))
  assert.deepEqual(
    lines.map(({ message }) => message),
    ['node starts', 'a room opens', 'node is up', 'node stopped']
  )
  assert.match(String(lines[0]!['version']), /^\d+\.\d+\.\d+/)
  assert.equal(lines[0]!['device'], formatKey(home.device.publicKey))

  const failing = new Daemon({
    home: home.dir,
    bootstrap: null,
    openNode: () => Promise.reject(new Error('no network'))
  })
  await assert.rejects(failing.ready(), /no network/)
  const last = (await linesOf(fileOf(home))).at(-2)!
  assert.deepEqual([last['message'], last['reason']], ['node did not start', 'no network'])
  assert.match(String(last['stack']), /log\.test\.js/)
})
