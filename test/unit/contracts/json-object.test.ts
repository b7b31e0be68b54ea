import assert from 'node:assert/strict'
import { test } from 'node:test'
import { objectOf } from '../../../contracts/json-object.js'

test('an object of JSON is read', () => {
  assert.deepEqual(objectOf(' {"a": {"b": [1]}} '), { a: { b: [1] } })
  assert.deepEqual(objectOf('{}'), {})
})

test('JSON of another kind is refused', () => {
  for (const text of ['null', '5', '"{}"', 'true']) assert.throws(() => objectOf(text), /not a JSON object/)
})

test('text that is not JSON is refused in one line that quotes nothing of it', () => {
  for (const text of ['', '{\n"secret": oops\n}', '{"secret": 1']) {
    assert.throws(
      () => objectOf(text),
      (error: unknown) => {
        assert.ok(error instanceof Error && error.cause instanceof SyntaxError)
        return error.message === 'it is not JSON'
      }
    )
  }
})
