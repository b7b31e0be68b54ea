import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Children } from '../../world/children.js'

const FAILING = fileURLToPath(new URL('../../world/failing.js', import.meta.url))

test('a test that fails leaves no process and no folder, and shows what its processes printed', async t => {
  // Without the runner's variable in its environment, as if started by hand.
  const env = { NODE_TEST_CONTEXT: '' }
  const failing = (await Children.open(t)).script(FAILING, { env })
  assert.equal((await failing.ended).code, 1)
  const left = failing.lines.filter(line => 'pid' in line) as { pid: number; dir: string }[]
  assert.equal(left.length, 2, failing.stdout)
  for (const { pid, dir } of left) {
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
    assert.ok(!existsSync(dir), dir)
  }
  assert.equal(failing.stderr.match(/^last words$/gm)?.length, 2, failing.stderr)
  assert.match(failing.stdout, /# pass 1\n# fail 2\n/)
})
