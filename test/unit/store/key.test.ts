import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { after, bytes, parts, text, uint } from '../../../src/store/key.js'

const name = fc.string({ unit: fc.constantFrom('a', 'b', '\x01', '~', 'é', '漢') })
const hash = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(array => Buffer.from(array))

/** The order of keys: of texts by their UTF-8 bytes. */
function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number') return Math.sign(a - (b as number))
  if (typeof a === 'string') return Buffer.from(a).compare(Buffer.from(b as string))
  return (a as Buffer).compare(b as Buffer)
}

test('the bytes of keys sort as the keys do, part by part, and can be read again', () => {
  const codec = parts(text, uint, bytes(4), uint)
  const key = fc.tuple(name, fc.maxSafeNat(), hash, fc.nat(3))
  fc.assert(
    fc.property(key, key, (a, b) => {
      const expected = a.map((part, i) => compare(part, b[i])).find(order => order !== 0) ?? 0
      assert.equal(codec.write(a).compare(codec.write(b)), expected)
      const from = Buffer.concat([Buffer.from('xy'), codec.write(a), Buffer.from('z')])
      assert.deepEqual(codec.read(from, 2), { key: a, end: from.byteLength - 1 })
    })
  )
})

test('the keys that begin with a prefix lie before what comes after the prefix, and no others', () => {
  const codec = parts(text, uint)
  fc.assert(
    fc.property(name, name, fc.maxSafeNat(), (prefix, other, n) => {
      const start = codec.writePrefix([prefix])
      const key = codec.write([other, n])
      assert.equal(key.compare(start) >= 0 && key.compare(after(start)) < 0, other === prefix)
    })
  )
  assert.deepEqual(after(Buffer.from([1, 255, 255])), Buffer.from([2]))
})

test('what is no key is refused', () => {
  for (const n of [-1, 1.5, NaN, 2 ** 53]) assert.throws(() => uint.write(n), RangeError)
  for (const length of [3, 5]) assert.throws(() => bytes(4).write(Buffer.alloc(length)), RangeError)
  assert.throws(() => text.write('a\0'), RangeError)
})
