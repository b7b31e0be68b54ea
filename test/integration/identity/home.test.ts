import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  truncate,
  writeFile
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import crypto from 'hypercore-crypto'
import { attests } from '../../../contracts/keys/attestation.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { Home } from '../../../src/identity/home.js'
import { Children } from '../../world/children.js'

async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-home-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

async function refusal(work: Promise<unknown>): Promise<BushelError> {
  const error = await work.then(
    () => assert.fail('it was not refused'),
    (error: unknown) => error
  )
  assert.ok(error instanceof BushelError, String(error))
  return error
}

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777

test('a home opens as it was made, and only its owner can read it', async t => {
  const dir = join(await folder(t), 'deep', 'home')
  const { home, words } = await Home.create(dir)
  assert.equal(words?.split(' ').length, 24)
  const again = await Home.open(dir)
  assert.deepEqual(again.device.publicKey, home.device.publicKey)
  assert.deepEqual(again.device.secretKey, home.device.secretKey)
  assert.deepEqual(again.identity, home.identity)
  assert.ok(attests(again.proof, null, { identity: home.identity, device: home.device.publicKey }))
  assert.equal(await modeOf(dir), 0o700)
  for (const name of await readdir(dir)) assert.equal(await modeOf(join(dir, name)), 0o600, name)
  assert.deepEqual(await readdir(join(dir, '..')), ['home'], 'no draft is left beside it')
})

test('the words are nowhere in the home and give the same identity with another device', async t => {
  const dir = await folder(t)
  const { home, words } = await Home.create(join(dir, 'one'))
  for (const name of await readdir(home.dir)) {
    const content = (await readFile(join(home.dir, name))).toString('latin1')
    assert.ok(!content.includes(words!.split(' ').slice(0, 2).join(' ')), name)
  }
  const typed = `  ${words!.toUpperCase().replaceAll(' ', '\n ')} \n`
  const recovered = await Home.create(join(dir, 'two'), { words: typed })
  assert.equal(recovered.words, null, 'words that were given are not told again')
  assert.deepEqual(recovered.home.identity, home.identity)
  assert.notDeepEqual(recovered.home.device.publicKey, home.device.publicKey)
})

test('invalid words are refused without being repeated', async t => {
  const dir = join(await folder(t), 'home')
  const good = [...Array.from({ length: 23 }, () => 'abandon'), 'art']
  const bad = [
    '',
    'abandon',
    good.slice(1).join(' '),
    [...good, 'art'].join(' '),
    ['zzzzz', ...good.slice(1)].join(' '),
    [...good].reverse().join(' ')
  ]
  for (const words of bad) {
    const error = await refusal(Home.create(dir, { words }))
    assert.deepEqual([error.code, error.exit], ['BAD_WORDS', 2], words)
    assert.doesNotMatch(error.message + error.hint, /abandon|zzzzz/)
  }
  assert.equal((await refusal(Home.open(dir))).code, 'NO_HOME')
  await Home.create(dir, { words: good.join(' ') })
})

test('words with numbers are taken in the order of their numbers', async t => {
  const dir = await folder(t)
  const { home, words } = await Home.create(join(dir, 'one'))
  const list = words!.split(' ')
  const down = Array.from({ length: 6 }, (_, row) =>
    [0, 6, 12, 18]
      .map(column => `${String(row + column + 1).padStart(4)} ${list[row + column]!.padEnd(12)}`)
      .join('')
  ).join('\n')
  const lines = list.map((word, i) => `${i + 1}. ${word}`).join('\r\n')
  for (const [name, pasted] of Object.entries({ down, lines })) {
    const recovered = await Home.create(join(dir, name), { words: pasted })
    assert.deepEqual(recovered.home.identity, home.identity, name)
  }
})

test('words with wrong numbers are refused, and only the words are counted', async t => {
  const dir = join(await folder(t), 'home')
  const list = [...Array.from({ length: 23 }, () => 'abandon'), 'art']
  const numbered = (of: (i: number) => string): string => list.map((word, i) => `${of(i)} ${word}`).join(' ')
  const cases: [string, RegExp][] = [
    [numbered(i => (i < 8 ? String(i + 1) : '')), /some have none/],
    [numbered(i => String(i === 5 ? 5 : i + 1)), /two words have the number 5/],
    [numbered(i => String(i)), /the number 0/],
    [numbered(i => String(i + 1)).replace('abandon', ''), /23 words were given/],
    [numbered(i => String(i + 1)) + ' 25 art', /25 words were given/]
  ]
  for (const [words, message] of cases) {
    const error = await refusal(Home.create(dir, { words }))
    assert.equal(error.code, 'BAD_WORDS', words)
    assert.match(error.message, message)
    assert.doesNotMatch(error.message + error.hint, /abandon|art/)
  }
})

test('nothing that exists is ever overwritten', async t => {
  const dir = await folder(t)
  const home = join(dir, 'home')
  await Home.create(home)
  const key = await readFile(join(home, 'device.key'))
  assert.equal((await refusal(Home.create(home))).code, 'HOME_EXISTS')
  await rm(join(home, 'config.json'))
  assert.equal((await refusal(Home.create(home))).code, 'HOME_EXISTS', 'a damaged home is a home')
  assert.deepEqual(await readFile(join(home, 'device.key')), key)
  await symlink(home, join(dir, 'link'))
  assert.equal((await refusal(Home.create(join(dir, 'link')))).code, 'HOME_EXISTS')
  await writeFile(join(dir, 'file'), 'precious')
  assert.equal((await refusal(Home.create(join(dir, 'file')))).code, 'HOME_EXISTS')
  assert.equal((await refusal(Home.create(join(dir, 'file', 'below')))).code, 'BAD_HOME')
  assert.equal((await refusal(Home.create(dir))).code, 'HOME_EXISTS', 'a folder with other things in it')
  assert.equal((await refusal(Home.check(dir))).code, 'HOME_EXISTS')
})

test('an empty folder becomes a home that is closed to others', async t => {
  const dir = join(await folder(t), 'empty')
  await mkdir(dir)
  await chmod(dir, 0o755)
  await Home.create(dir)
  assert.equal(await modeOf(dir), 0o700)
})

test('a home that anybody else can open is not opened', async t => {
  const { home } = await Home.create(join(await folder(t), 'home'))
  for (const mode of [0o701, 0o704, 0o710, 0o720, 0o750, 0o755, 0o777]) {
    await chmod(home.dir, mode)
    const error = await refusal(Home.open(home.dir))
    assert.deepEqual([error.code, error.exit], ['UNSAFE_FOLDER', 2], mode.toString(8))
    assert.ok(error.message.includes(home.dir) && error.hint?.includes(`chmod 700 '${home.dir}'`))
  }
  await chmod(home.dir, 0o700)
  await Home.open(home.dir)
})

test('exactly one of two processes that make the same home at once succeeds', async t => {
  const dir = join(await folder(t), 'home')
  const made = await Promise.allSettled([Home.create(dir), Home.create(dir), Home.create(dir)])
  const won = made.filter(result => result.status === 'fulfilled')
  assert.equal(won.length, 1)
  for (const lost of made.filter(result => result.status === 'rejected')) {
    assert.equal((lost.reason as BushelError).code, 'HOME_EXISTS')
  }
  assert.deepEqual((await Home.open(dir)).identity, won[0]!.value.home.identity)
  assert.deepEqual(await readdir(join(dir, '..')), [basename(dir)])
})

test('a failure or a kill during init leaves no half-made home', async t => {
  const dir = await folder(t)
  const home = join(dir, 'home')
  await assert.rejects(Home.create(home, { prepare: () => Promise.reject(new Error('no room')) }), /no room/)
  assert.deepEqual(await readdir(dir), [])

  const code = `
    import { Home } from ${JSON.stringify(new URL('../../../src/identity/home.js', import.meta.url).href)}
    await Home.create(${JSON.stringify(home)}, { prepare: () => process.kill(process.pid, 'SIGKILL') })`
  const child = (await Children.open(t)).code(code)
  assert.equal((await child.ended).signal, 'SIGKILL', child.stderr)
  assert.equal((await refusal(Home.open(home))).code, 'NO_HOME')
  await Home.create(home)
})

test('a damaged home is refused with the damaged file named', async t => {
  const dir = await folder(t)
  const { home: other } = await Home.create(join(dir, 'other'))
  const config = { version: 1, created: 1 }
  const wallet = { backend: 'lnd', settings: { host: 'h' }, consented: null }
  const nodeId = '02'.repeat(33)
  const json = JSON.stringify
  const cases: [string, string | Buffer | null][] = [
    ['config.json', null],
    ['config.json', ''],
    ['config.json', '{"version": 1, "crea'],
    ['config.json', '[]'],
    ['config.json', json({ ...config, version: 2 })],
    ['config.json', json({ ...config, created: 'yesterday' })],
    ['config.json', json({ ...config, wallet: null })],
    ['config.json', json({ ...config, wallet: { ...wallet, backend: 'L N D' } })],
    ['config.json', json({ ...config, wallet: { ...wallet, settings: ['h'] } })],
    ['config.json', json({ ...config, wallet: { ...wallet, settings: { host: 1 } } })],
    ['config.json', json({ ...config, wallet: { ...wallet, consented: 'yes' } })],
    ['config.json', json({ ...config, wallet: { ...wallet, nodeId, network: 1 } })],
    ['config.json', json({ ...config, wallet: { ...wallet, nodeId: 'ab', network: 'regtest' } })],
    ['config.json', json({ ...config, market: 'nowhere' })],
    ['config.json', Buffer.alloc(100_000, ' ')],
    ['device.key', null],
    ['device.key', 'ab'],
    ['device.key', other.device.secretKey.subarray(0, 32).toString('hex')],
    ['attestation', null],
    ['attestation', Buffer.alloc(0)],
    ['attestation', crypto.randomBytes(139)],
    ['attestation', other.proof]
  ]
  const { home } = await Home.create(join(dir, 'home'))
  for (const [name, content] of cases) {
    const file = join(home.dir, name)
    const good = await readFile(file)
    await (content === null ? rm(file) : writeFile(file, content))
    const error = await refusal(Home.open(home.dir))
    assert.equal(error.code, 'BAD_CONFIG', `${name}: ${String(content)}`)
    assert.equal(error.exit, 2)
    const named = name === 'device.key' && content?.length === 64 ? 'attestation' : name
    assert.ok(error.message.includes(named), error.message)
    assert.ok(!error.message.includes('\n'))
    await writeFile(file, good)
  }
  await Home.open(home.dir)
})

test('a pipe or a device in the place of a file of a home is refused and not waited for', async t => {
  const { home } = await Home.create(join(await folder(t), 'home'))
  const file = join(home.dir, 'config.json')
  await rm(file)
  await promisify(execFile)('mkfifo', [file])
  const refused = await refusal(Home.open(home.dir))
  assert.deepEqual([refused.code, /not a plain file/.test(refused.message)], ['BAD_CONFIG', true])
  await rm(file)
  await symlink('/dev/zero', file)
  assert.match((await refusal(Home.open(home.dir))).message, /not a plain file/)
})

test('the market in use is remembered, and a damaged config is not overwritten', async t => {
  const { home } = await Home.create(join(await folder(t), 'home'))
  assert.equal(home.market, null)
  const key = crypto.randomBytes(32)
  await home.useMarket(key)
  assert.deepEqual(home.market, key)
  assert.deepEqual((await Home.open(home.dir)).market, key)
  assert.equal(await modeOf(join(home.dir, 'config.json')), 0o600)
  await home.useMarket(null)
  assert.equal((await Home.open(home.dir)).market, null)
  await truncate(join(home.dir, 'config.json'), 10)
  assert.equal((await refusal(home.useMarket(key))).code, 'BAD_CONFIG')
  assert.equal((await stat(join(home.dir, 'config.json'))).size, 10)
})
