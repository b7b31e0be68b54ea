import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { folder } from '../../parts/folder.js'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const BREAKER = join('dist', 'test', 'unit', 'project', 'rule-breaker.js')
const { NODE_TEST_CONTEXT: _context, ...env } = process.env

/** Runs Node to its end; gives its exit code and what it printed. */
async function run(...args: string[]): Promise<{ code: number; stdout: string }> {
  return await promisify(execFile)(process.execPath, args, { cwd: root, env }).then(
    ({ stdout }) => ({ code: 0, stdout }),
    ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout })
  )
}

test('the runner lets no unit test start a process or open a socket, and says so in one line', async t => {
  const runner = join(await folder(t), 'runner.mjs')
  const scripts = pathToFileURL(join(root, 'scripts', 'run-tests.js')).href
  await writeFile(
    runner,
    `import { runTests } from '${scripts}'
     runTests([${JSON.stringify(BREAKER)}])`
  )
  const { code, stdout } = await run(runner)
  assert.equal(code, 1)
  assert.match(stdout, /^ℹ pass 0$/m, stdout)
  const said = new Set(stdout.match(/A unit test may not .*: move it to test\/integration\./g))
  assert.deepEqual(
    [...said].toSorted(),
    [
      'connect a socket (connect)',
      'listen on a TCP socket (listen)',
      'open a UDP socket (createSocket)',
      'open a UDX socket (createSocket)',
      ...['exec', 'execFileSync', 'fork', 'spawn', 'spawnSync'].map(name => `start a process (${name})`)
    ].map(what => `A unit test may not ${what}: move it to test/integration.`)
  )
})

test('the same tests pass outside of the rule', async () => {
  const { code, stdout } = await run('--test', BREAKER)
  assert.equal(code, 0, stdout)
})
