import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..')

test('the packed tarball installs and runs in an empty project', { timeout: 240_000 }, async t => {
  const folder = await mkdtemp(join(tmpdir(), 'bushel-package-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const packed = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: root
  })
  const [{ filename, files }] = JSON.parse(packed.stdout) as [{ filename: string; files: { path: string }[] }]
  const paths = files.map(file => file.path)
  for (const path of ['dist/bin/bushel.js', 'dist/ldk.mjs', 'contracts/spec/index.js'])
    assert.ok(paths.includes(path), path)
  assert.ok(!paths.some(path => path.includes('test/') || /(?<!\.d)\.ts$/.test(path)), 'no sources, no tests')

  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'empty', private: true, type: 'module' })
  )
  await run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', join(folder, filename)], {
    cwd: folder
  })
  const bushel = join(folder, 'node_modules', '.bin', 'bushel')
  const home = join(folder, 'home')
  const made = await run(bushel, ['init', '--home', home, '--json'])
  const result = JSON.parse(made.stdout.trim().split('\n').at(-1)!) as { words: string; device: string }
  assert.equal(result.words.split(' ').length, 24)
  assert.equal(result.device.length, 52)
  const wallet = await run(bushel, ['wallet', '--home', home, '--json'])
  const { backend, network, spendableMsat, peers } = JSON.parse(wallet.stdout) as Record<string, unknown>
  assert.deepEqual([backend, network, spendableMsat, peers], ['play', 'play-1', '1000000000', []])
})
