import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BushelError } from '../../../../contracts/errors/error.js'
import { formatKey, parseKey, shortKey } from '../../../../contracts/keys/key.js'
import { demandNodeId, isNodeId } from '../../../../contracts/keys/node-id.js'
import { lightningId, noPoint } from '../../../samples/people.js'

test('keys are read in z32 or hex and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), array => {
      const key = Buffer.from(array)
      assert.deepEqual(parseKey(formatKey(key)), key)
      assert.deepEqual(parseKey(key.toString('hex')), key)
    })
  )
  const text = formatKey(Buffer.alloc(32, 7))
  for (const bad of ['', 'x', text.slice(1), text + 'y', text.replace(/^./, '!'), 'z'.repeat(63)]) {
    assert.throws(
      () => parseKey(bad),
      (error: unknown) =>
        error instanceof BushelError && error.code === 'BAD_KEY' && error.cause !== undefined,
      bad
    )
  }
})

test('a message about a wrong key names its kind', () => {
  const cases: [string | undefined, RegExp][] = [
    [undefined, /^'x' is not a key$/],
    ['market', /^'x' is not a market$/],
    ['order', /^'x' is not an order$/],
    ['id of a lease', /^'x' is not an id of a lease$/]
  ]
  for (const [what, message] of cases) assert.throws(() => parseKey('x', what), { message })
})

test('a key is shown by its first eight characters', () => {
  const key = Buffer.alloc(32, 7)
  assert.equal(formatKey(key).length, 52)
  assert.equal(shortKey(key), formatKey(key).slice(0, 8))
})

test('only a compressed point of the curve is a Lightning node id', () => {
  const id = lightningId('alice')
  assert.ok(isNodeId(id))
  assert.doesNotThrow(() => demandNodeId(id))
  const uncompressed = Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 1)])
  const padded = Buffer.concat([id, Buffer.alloc(1)])
  for (const bad of [noPoint(), Buffer.alloc(33), Buffer.alloc(0), id.subarray(1), padded, uncompressed]) {
    assert.ok(!isNodeId(bad), bad.toString('hex'))
    assert.throws(() => demandNodeId(bad), { code: 'NO_ROUTE' })
  }
  assert.ok(!isNodeId(null))
  assert.ok(!isNodeId(undefined))
})
