import assert from 'node:assert/strict'
import test from 'node:test'
import { assertGone, start } from '../world/demo.js'

for (const [signal, after, args] of [
  ['SIGINT', 'Three providers sell disk space', ['--path', 'input']],
  ['SIGTERM', 'A buyer mirrors it', ['--path', 'input']],
  ['SIGINT', 'commits to a result', ['--compute']]
] as const) {
  const what = args[0] === '--compute' ? 'act of compute' : 'demo'
  test(`the ${what} leaves nothing behind after ${signal}`, { timeout: 90_000 }, async t => {
    const { demo, folder } = await start(t, [...args, '--json'])
    await demo.said(after)
    assert.equal((await demo.kill(signal)).code, 130)
    const { ok, error } = JSON.parse(demo.stdout) as { ok: boolean; error: string }
    assert.deepEqual([ok, error], [false, `stopped by ${signal}`])
    await assertGone(folder)
  })
}

test('the demo reports what is wrong with its input', { timeout: 30_000 }, async t => {
  const { demo, folder } = await start(t, ['--path', 'missing', '--json'])
  assert.equal((await demo.ended).code, 1)
  const { ok, error } = JSON.parse(demo.stdout) as { ok: boolean; error: string }
  assert.equal(ok, false)
  assert.match(error, /missing does not exist$/)
  await assertGone(folder)
})
