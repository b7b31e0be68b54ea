import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chown, lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { folder } from '../../parts/folder.js'

const bushel = fileURLToPath(new URL('../../../bin/bushel.js', import.meta.url))
/** No system knows this user. */
const NOBODY = 54_321
const isPossible =
  process.getuid?.() === 0 &&
  spawnSync('test', ['-r', bushel], { uid: NOBODY, gid: NOBODY, stdio: 'ignore' }).status === 0
const skip = isPossible ? false : 'needs root, and a build that every user can read'

function run(args: string[], as: { uid?: number; gid?: number } = {}): { code: number | null; said: string } {
  const { PATH = '' } = process.env
  const ran = spawnSync(process.execPath, [bushel, ...args], { ...as, env: { PATH }, encoding: 'utf8' })
  return { code: ran.status, said: ran.stdout + ran.stderr }
}

const NONE = { uid: NOBODY, gid: NOBODY }

test('a user whom the system does not know, without HOME, gets help, and names a home', { skip }, async t => {
  const dir = await folder(t)
  await chown(dir, NOBODY, NOBODY)
  assert.match(run(['--version'], NONE).said, /^\d+\.\d+/)
  const unnamed = run(['status'], NONE)
  assert.equal(unnamed.code, 2)
  assert.match(
    unnamed.said,
    /^bushel: this user has no home folder: HOME is not set.*\nhint: .*--home DIR.*\n$/
  )
  const home = ['--home', join(dir, 'home')]
  assert.equal(run([...home, 'init'], NONE).code, 0)
  assert.match(run([...home, 'status'], NONE).said, /^identity/)
})

test(
  'the home of another user is refused with one line, and nothing of ours is left in it',
  { skip },
  async t => {
    const dir = await folder(t)
    await chown(dir, NOBODY, NOBODY)
    const home = ['--home', join(dir, 'home')]
    assert.equal(run([...home, 'init'], NONE).code, 0)
    for (const command of [['status'], ['up'], ['leases'], ['market', 'list'], ['wallet']]) {
      const { code, said } = run([...home, ...command])
      assert.equal(code, 2)
      assert.match(said, /^bushel: .* belongs to another user \(uid 54321\).*\nhint: .*\n$/)
    }
    for (const name of ['.', ...(await readdir(dir, { recursive: true }))])
      assert.equal((await lstat(join(dir, name))).uid, NOBODY, name)
  }
)

test('a home that cannot be written is told in one line', { skip }, async t => {
  const dir = await folder(t)
  await chown(dir, NOBODY, NOBODY)
  const home = join(dir, 'home')
  assert.equal(run(['--home', home, 'init'], NONE).code, 0)
  spawnSync('chmod', ['-R', 'a-w', home])
  t.after(() => spawnSync('chmod', ['-R', 'u+w', home]))
  for (const command of [['up'], ['market', 'list'], ['wallet', 'limits', '--day', '1 sat']]) {
    const { code, said } = run(['--home', home, ...command], NONE)
    assert.notEqual(code, 0)
    assert.match(said, /^bushel: .*(not writable|cannot be written).*\nhint: .*writable.*\n$/)
  }
})
