/** A file of tests that fail while their processes run. No run includes it; the test of the harness does. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Children } from './children.js'

const CODE = `process.stderr.write('last words\\n'); console.log('{}'); setInterval(() => {}, 1000)`

const shared = await Children.open({ after })

for (const name of ['of a test', 'of a file'])
  test(name, async t => {
    const children = name === 'of a test' ? await Children.open(t) : shared
    const child = children.code(CODE)
    await child.line(() => true)
    await child.said('last words')
    console.log(JSON.stringify({ pid: child.pid, dir: children.dir }))
    assert.fail('as wanted')
  })

test('an order to a process that is killed is refused', async t => {
  const child = (await Children.open(t)).code(CODE)
  await child.kill('SIGKILL')
  await assert.rejects(child.ask({}), { code: 'KILLED', message: /SIGKILL/ })
  await assert.rejects(child.next(), { code: 'KILLED' })
})
