import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BushelError } from '../../../../contracts/errors/error.js'
import { formatLink, parseLink } from '../../../../contracts/keys/link.js'

const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(array => Buffer.from(array))
const Z32 = 'ybndrfg8ejkmcpqxot1uwisza345h769'

function refused(text: string): void {
  assert.throws(
    () => parseLink(text),
    (error: unknown) => {
      assert.ok(error instanceof BushelError && error.code === 'BAD_LINK' && error.exit === 2)
      return error.message === `'${text}' is not a valid link`
    },
    text
  )
}

test('a link reads back as its two keys', () => {
  fc.assert(
    fc.property(key, key, (drive, encryptionKey) => {
      const text = formatLink({ key: drive, encryptionKey })
      assert.match(text, /^bushel:\/\/[a-z0-9]{109}$/)
      assert.deepEqual(parseLink(text), { key: drive, encryptionKey })
    })
  )
})

test('a typing mistake in a link is found, be it a changed, swapped, lost or extra character', () => {
  const good = { key: Buffer.alloc(32, 0x35), encryptionKey: Buffer.alloc(32, 0xc7) }
  const text = formatLink(good)
  const start = 'bushel://'.length
  for (let i = start; i < text.length; i++) {
    for (const character of Z32) {
      if (character === text[i]) continue
      const slip = text.slice(0, i) + character + text.slice(i + 1)
      // The last character has a spare bit: a difference in it alone is the same link.
      if (i === text.length - 1 && sameKeys(slip, good)) continue
      refused(slip)
    }
    refused(text.slice(0, i) + text.slice(i + 1))
    refused(text.slice(0, i) + 'y' + text.slice(i))
    const swapped = text.slice(0, i) + (text[i + 1] ?? '') + text[i]! + text.slice(i + 2)
    if (swapped !== text && swapped.length === text.length) refused(swapped)
  }
})

test('text that is not a link is refused', () => {
  const text = formatLink({ key: Buffer.alloc(32, 1), encryptionKey: Buffer.alloc(32, 2) })
  for (const bad of [
    '',
    'bushel://',
    'http://example.org',
    text.slice(9),
    text.replace('bushel', 'pear'),
    text.replace('bushel', 'bushes'),
    `${text}/a`,
    text.replace(/.$/, '!'),
    text.replace(/.$/, 'é')
  ]) {
    refused(bad)
  }
  fc.assert(fc.property(fc.string({ unit: 'binary' }), garbage => refused('bushel://' + garbage)))
})

function sameKeys(text: string, good: { key: Buffer; encryptionKey: Buffer }): boolean {
  try {
    const link = parseLink(text)
    return link.key.equals(good.key) && link.encryptionKey.equals(good.encryptionKey)
  } catch (error) {
    assert.ok(error instanceof BushelError)
    return false
  }
}
