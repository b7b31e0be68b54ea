import assert from 'node:assert/strict'
import test from 'node:test'

test('the bundled LDK module has every export of its source modules', async () => {
  const [one, many] = await Promise.all([import('#ldk'), import('lightningdevkit')])
  const missing = Object.keys(many).filter(name => !(name in one))
  assert.deepEqual(missing, [])
  assert.ok(Object.keys(many).length > 1000)
})
