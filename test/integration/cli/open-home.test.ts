import assert from 'node:assert/strict'
import { chmod, mkdir, readdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { controlPath } from '../../../src/daemon/control-path.js'
import { Home } from '../../../src/identity/home.js'
import { folder } from '../../parts/folder.js'
import { runCommandLine } from '../../parts/cli/command-line.js'

const KEY = 'y'.repeat(52)

/** One command for each way in which a command opens a home. */
const COMMANDS = [
  ['up', '--dry-run'],
  ['up'],
  ['status'],
  ['leases'],
  ['market', 'list'],
  ['market', 'use', 'wheat'],
  ['log'],
  ['receipt', 'export', KEY],
  ['store', 'check'],
  ['wallet'],
  ['jobs'],
  ['book']
]

for (const command of COMMANDS)
  test(`\`bushel ${command.join(' ')}\` does not open a home that others can open`, async t => {
    const { home } = await Home.create(join(await folder(t), 'home'))
    await chmod(home.dir, 0o755)
    const before = await readdir(home.dir)
    const { exit, stderr } = await runCommandLine([...command, '--home', home.dir])
    assert.equal(exit, 2)
    assert.match(stderr, /must be a folder of yours that only you can open; nothing was changed/)
    assert.deepEqual(await readdir(home.dir), before)
  })

test('a command does not speak to a socket that another user could have put there', async t => {
  const { TMPDIR } = process.env
  process.env['TMPDIR'] = await folder(t)
  t.after(() => {
    if (TMPDIR === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = TMPDIR
  })
  const { home } = await Home.create(join(tmpdir(), 'a'.repeat(60), 'b'.repeat(60)))
  const path = controlPath(home.dir)
  await mkdir(dirname(path))
  await chmod(dirname(path), 0o777)
  let calls = 0
  const rogue = createServer(() => calls++).listen(path)
  t.after(() => rogue.close())
  // as while a node runs
  const lock = await home.lock({ pid: process.pid, command: 'up', control: path })
  t.after(() => lock.release())
  const { exit, stderr } = await runCommandLine(['status', '--home', home.dir])
  assert.equal(exit, 2)
  assert.match(stderr, /must be a folder of yours that only you can open/)
  assert.equal(calls, 0)
})
