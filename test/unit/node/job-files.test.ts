import assert from 'node:assert/strict'
import { Hash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { lstat, mkdir, mkdtemp, readFile, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { BushelError } from '../../../contracts/errors/error.js'
import { MAX_BLOB_BYTES } from '../../../contracts/job.js'
import { filesOf } from '../../../src/files/glob.js'
import { readJob, readMap } from '../../../src/node/api/compute/job-input.js'
import { outOf } from '../../../src/node/api/compute/job-output.js'
import { checkOut, writeOut } from '../../../src/files/out-folder.js'

const MODULE = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
const { signal } = new AbortController()

async function folder(t: TestContext, files: Record<string, string | Buffer> = {}): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-job-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  for (const [path, bytes] of Object.entries({ 'job.wasm': MODULE, ...files })) {
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), bytes)
  }
  return dir
}

const code =
  (wanted: string) =>
  (error: unknown): boolean =>
    error instanceof BushelError && error.code === wanted

const params = (dir: string, more: object = {}): Parameters<typeof readJob>[0] => ({
  module: join(dir, 'job.wasm'),
  args: [],
  limits: {},
  force: false,
  ...more
})

const file = (path: string, text = path): { path: string; bytes: Buffer } => ({
  path,
  bytes: Buffer.from(text)
})

test('the files of a folder are the input under their relative paths, and a single file under its name', async t => {
  const dir = await folder(t, { 'in/b': 'b', 'in/a/c': 'c', 'in/a/é': '' })
  const { files, args, name } = await readJob(params(dir, { input: join(dir, 'in'), args: ['x'] }), signal)
  assert.deepEqual(
    files.map(({ path, bytes }) => [path, String(bytes)]),
    [
      ['a/c', 'c'],
      ['a/é', ''],
      ['b', 'b']
    ]
  )
  assert.deepEqual([args, name], [['job.wasm', 'x'], 'job.wasm'])
  const one = await readJob(params(dir, { input: join(dir, 'in', 'b'), stdin: join(dir, 'in/a/c') }), signal)
  assert.deepEqual(one.files, [file('b')])
  assert.equal(String(one.stdin), 'c')
})

test('the randomness of a job is derived from what the job is', async t => {
  const dir = await folder(t, { 'in/a': 'a', stdin: 's' })
  const seed = async (more: object = {}): Promise<string> =>
    (await readJob(params(dir, { input: join(dir, 'in'), ...more }), signal)).seed.toString('hex')
  const first = await seed()
  assert.equal(await seed(), first)
  const others = [
    await seed({ args: ['x'] }),
    await seed({ stdin: join(dir, 'stdin') }),
    await seed({ seed: '07'.repeat(32) })
  ]
  await writeFile(join(dir, 'in/a'), 'b')
  others.push(await seed())
  assert.equal(new Set([first, ...others]).size, 5)
  assert.equal(others[2], '07'.repeat(32))
})

test('impossible inputs of a job are refused by name', async t => {
  const dir = await folder(t, { 'in/a': 'a', text: 'no module', large: '' })
  await symlink('a', join(dir, 'in', 'link'))
  await truncate(join(dir, 'large'), MAX_BLOB_BYTES + 1)
  const cases: [object, string][] = [
    [{ module: join(dir, 'text') }, 'BAD_MODULE'],
    [{ module: dir }, 'BAD_PATH'],
    [{ module: join(dir, 'large') }, 'TOO_LARGE'],
    [{ input: join(dir, 'in') }, 'BAD_PATH'],
    [{ input: join(dir, 'large') }, 'TOO_LARGE'],
    [{ input: join(dir, 'gone') }, 'BAD_PATH']
  ]
  for (const [more, wanted] of cases)
    await assert.rejects(readJob(params(dir, more), signal), code(wanted), JSON.stringify(more))
})

test('an input that is written while it is read is read again, and refused when it never stands still', async t => {
  const old = Buffer.alloc(9 << 20, 'old')
  const dir = await folder(t, { input: old })
  const path = join(dir, 'input')
  const file = openSync(path, 'r+')
  t.after(() => closeSync(file))
  /** Writes in place between two steps of the reading, the first `times`. */
  const written = (times: number): AbortSignal => {
    const quiet = new AbortController().signal
    const throwIfAborted = (): void => void (times-- > 0 && writeSync(file, 'new', 0))
    return new Proxy(quiet, {
      get: (target, name) => {
        if (name === 'throwIfAborted') return throwIfAborted
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? (value as () => unknown).bind(target) : value
      }
    })
  }
  const { files } = await readJob(params(dir, { input: path }), written(6))
  assert.deepEqual(files[0]!.bytes, await readFile(path))
  await assert.rejects(readJob(params(dir, { input: path }), written(1000)), code('FILE_CHANGED'))
})

test('a pattern matches files as a shell does', async t => {
  const dir = await folder(t, {
    'c/a1': '',
    'c/a2': '',
    'c/b.x': '',
    'c/.hidden': '',
    'c/d/a1': '',
    'c/d/e/a1': ''
  })
  const names = async (pattern: string): Promise<string[]> =>
    (await filesOf(dir, pattern, 100)).map(({ name }) => name)
  assert.deepEqual(await names('c/*'), ['a1', 'a2', 'b.x'])
  assert.deepEqual(await names(`${dir}/c/a?`), ['a1', 'a2'])
  assert.deepEqual(await names('c/**/a1'), ['a1', 'd/a1', 'd/e/a1'])
  assert.deepEqual(await names('c/**'), ['a1', 'a2', 'b.x', 'd/a1', 'd/e/a1'])
  assert.deepEqual(await names('*/d/[a-c]1'), ['c/d/a1'])
  assert.deepEqual(await names('c/[!a]*'), ['b.x'])
  assert.deepEqual(await names('c/.h*'), ['.hidden'])
  assert.deepEqual(await names('c/b.x'), ['b.x'])
  assert.deepEqual(await names('c/b?x*'), ['b.x'])
  assert.deepEqual(await names('c/bqx'), [], 'a dot is a dot')
  assert.deepEqual(await names('none/*'), [])
  await assert.rejects(filesOf(dir, 'c/[z-a]', 100), code('BAD_PATH'))
  await assert.rejects(filesOf(dir, 'c/*', 2), code('BAD_PATH'))
})

test('a map makes one job for each file and keeps the path of that file', async t => {
  const dir = await folder(t, { 'c/2': 'two', 'c/1': 'one', 'c/d/3': 'three' })
  const map = { base: dir, pattern: 'c/**', parallel: 1 }
  const jobs = await readMap({ ...params(dir, { args: ['-i{}', 'x'] }), map }, signal)
  assert.deepEqual(
    jobs.map(({ name, args, files }) => [
      name,
      args.slice(1),
      files.map(({ path, bytes }) => [path, String(bytes)])
    ]),
    [
      ['1', ['-i/in/1', 'x'], [['1', 'one']]],
      ['2', ['-i/in/2', 'x'], [['2', 'two']]],
      ['d/3', ['-i/in/3', 'x'], [['3', 'three']]]
    ]
  )
  assert.equal(new Set(jobs.map(({ seed }) => seed.toString('hex'))).size, 3)
  await assert.rejects(readMap({ ...params(dir), map: { ...map, pattern: 'x*' } }, signal), code('BAD_PATH'))
})

test('names with signs that mean something elsewhere are the names of inputs', async t => {
  const names = ['$&', '$$', "$'", '$`', '$1', '{}', 'a b', '[x]', '*'].sort()
  const dir = await folder(t, Object.fromEntries(names.map(name => [`c/${name}`, name])))
  const map = { base: dir, pattern: 'c/*', parallel: 1 }
  const jobs = await readMap({ ...params(dir, { args: ['{}', '-o{}.out', '$&'] }), map }, signal)
  assert.deepEqual(
    jobs.map(({ args }) => args.slice(1)).sort(),
    names.map(name => [`/in/${name}`, `-o/in/${name}.out`, '$&'])
  )
})

test('a link that leads to nothing is no input, and does not stop a map', async t => {
  const dir = await folder(t, { 'c/1': 'one', 'elsewhere/2': 'two' })
  await symlink('nowhere', join(dir, 'c', 'dangling'))
  await symlink('round', join(dir, 'c', 'round'))
  await symlink('1/below', join(dir, 'c', 'through a file'))
  await symlink('../elsewhere/2', join(dir, 'c', '2'))
  await symlink('../elsewhere', join(dir, 'c', 'folder'))
  assert.deepEqual(
    (await filesOf(dir, 'c/*', 100)).map(({ name }) => name),
    ['1', '2']
  )
})

test('an output is written whole and never over different files', async t => {
  const dir = await folder(t)
  const out = join(dir, 'out')
  await writeOut(out, [file('a'), file('d/e/f'), file('empty', '')], false)
  assert.equal(await readFile(join(out, 'd/e/f'), 'utf8'), 'd/e/f')
  assert.equal(await readFile(join(out, 'empty'), 'utf8'), '')
  await writeOut(out, [file('a'), file('new')], false)
  assert.deepEqual((await readdir(out)).sort(), ['a', 'd', 'empty', 'new'], 'what stood there stays')
  await assert.rejects(writeOut(out, [file('a', 'another'), file('later')], false), code('FILE_EXISTS'))
  assert.deepEqual((await readdir(out)).sort(), ['a', 'd', 'empty', 'new'], 'nothing of it was written')
  await writeOut(out, [file('a', 'another')], true)
  assert.equal(await readFile(join(out, 'a'), 'utf8'), 'another')
  await writeOut(join(dir, 'nothing'), [], false)
  assert.deepEqual(await readdir(join(dir, 'nothing')), [])
  await assert.rejects(checkOut(join(dir, 'job.wasm'), false), code('IN_THE_WAY'))
  assert.deepEqual((await readdir(dir)).sort(), ['job.wasm', 'nothing', 'out'])
})

test('no output leaves its folder, neither by its names nor by links that exist there', async t => {
  const dir = await folder(t, { 'elsewhere/a': 'mine' })
  const out = join(dir, 'out')
  for (const path of ['../a', '/a', 'a/../../b', 'a//b', './a', '', 'a\0b', 'x'.repeat(256)])
    await assert.rejects(writeOut(out, [file(path)], true), code('UNSAFE_OUTPUT'), path)
  await assert.rejects(writeOut(out, [file('a'), file('a/b')], true), code('UNSAFE_OUTPUT'))
  await mkdir(out)
  await symlink(join(dir, 'elsewhere'), join(out, 'd'))
  await assert.rejects(writeOut(out, [file('d/a', 'theirs')], true), code('IN_THE_WAY'))
  await symlink(join(dir, 'elsewhere/a'), join(out, 'l'))
  await assert.rejects(writeOut(out, [file('l', 'theirs')], false), code('FILE_EXISTS'))
  await writeOut(out, [file('l', 'theirs')], true)
  assert.ok((await lstat(join(out, 'l'))).isFile(), 'the link is replaced, not followed')
  assert.equal(await readFile(join(dir, 'elsewhere/a'), 'utf8'), 'mine')
})

test('only a job that ended by itself has files, and they overwrite nothing', async t => {
  const dir = await folder(t, { 'out/a': 'mine' })
  const outcome = { status: 'ok', files: [file('a', 'theirs')] }
  const place = { out: join(dir, 'out'), force: false }
  await assert.rejects(outOf(outcome, place), code('FILE_EXISTS'))
  assert.equal(await readFile(join(dir, 'out', 'a'), 'utf8'), 'mine')
  assert.equal(await outOf({ ...outcome, status: 'trap' }, place), null)
})

test('a map hashes its module once, and each of its jobs has the fingerprint of a single run', async t => {
  const module = Buffer.concat([MODULE, Buffer.alloc(1 << 20, 1)])
  const dir = await folder(t, { 'job.wasm': module, 'in/a': 'a', 'in/b': 'b', 'in/c': 'c' })
  const alone = await readJob(params(dir, { input: join(dir, 'in/b'), args: ['/in/b'] }), signal)
  const update = t.mock.method(Hash.prototype, 'update')
  const jobs = await readMap(
    { ...params(dir, { args: ['{}'] }), map: { base: dir, pattern: 'in/*', parallel: 1 } },
    signal
  )
  const bytes = update.mock.calls.reduce((sum, { arguments: [data] }) => sum + Buffer.byteLength(data), 0)
  assert.deepEqual(jobs[1]!.fingerprint, alone.fingerprint)
  assert.equal(new Set(jobs.map(({ seed }) => seed.toString('hex'))).size, 3)
  assert.ok(bytes >= module.byteLength && bytes < 1.5 * module.byteLength, `${bytes} bytes`)
})
