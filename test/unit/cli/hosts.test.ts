import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseHost } from '../../../src/cli/input/arguments.js'

test('an address that others can dial is a plain IPv4 address', () => {
  assert.equal(parseHost('192.168.1.10'), '192.168.1.10')
  for (const wrong of ['0.0.0.0', 'here', '::1', '192.168.1', '192.168.1.10:49737', ''])
    assert.throws(() => parseHost(wrong), { code: 'BAD_INPUT', exit: 2, message: /IPv4/ }, wrong)
})
