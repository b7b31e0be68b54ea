import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BushelError } from '../../../contracts/errors/error.js'
import { CALLS, checkedParams } from '../../../src/node/api/calls.js'
import type { Method } from '../../../src/node/api/calls.js'
import { badParams } from './bad-params.js'
import { VALID } from './valid-params.js'

const methods = Object.keys(CALLS) as Method[]

test('valid parameters pass unchanged, with and without what may be left out', () => {
  for (const method of methods) assert.deepEqual(checkedParams(method, VALID[method]), VALID[method], method)
  const mirror = { path: '/photos', copies: 2, time: 1000 }
  assert.deepEqual(checkedParams('mirror', mirror), mirror)
  assert.deepEqual(checkedParams('wallet.limits', {}), {})
})

test('one fault in the parameters of any call is refused with BAD_INPUT and the name of the field', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(badParams, ({ method, params, field }) => {
      seen.add(method)
      const shown = field.replace(/[^\x20-\x7e]/g, '?').slice(0, 80)
      assert.throws(
        () => checkedParams(method, params),
        (error: unknown) => {
          assert.ok(error instanceof BushelError, String(error))
          assert.equal(error.code, 'BAD_INPUT')
          assert.ok(error.message.includes(`'${shown}`), `'${shown}': ${error.message}`)
          assert.ok(error.message.length < 400 && !error.message.includes('\n'), error.message)
          return true
        }
      )
    }),
    { numRuns: 5000 }
  )
  assert.deepEqual([...seen].sort(), [...methods].sort())
})

test('parameters that are no object, and methods that are none, are refused', () => {
  for (const params of [null, undefined, [], 'text', 7, true, [{}]])
    for (const method of methods)
      assert.throws(() => checkedParams(method, params), { code: 'BAD_INPUT', message: /must be an object/ })
  for (const name of ['toString', '__proto__', 'constructor', '', 'Status', 'a\u001b[2J'])
    assert.throws(() => checkedParams(name as Method, {}), {
      code: 'UNKNOWN_METHOD',
      message: /^[\x20-\x7e]+$/
    })
})
