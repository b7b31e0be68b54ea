import assert from 'node:assert/strict'
import { test } from 'node:test'
import { largestFrame } from '../../../src/network/cut-off.js'

const LARGE = 2 ** 24 - 1
const fresh = { _state: 0, _len: 0, _tmp: 1 }
const frame = (announced: number, bytes = announced): Buffer =>
  Buffer.concat([
    Buffer.from([announced & 255, (announced >> 8) & 255, announced >> 16]),
    Buffer.alloc(bytes, 255)
  ])

test('the length of a frame is known with the last byte that announces it', () => {
  const header = frame(LARGE, 0)
  assert.equal(largestFrame(fresh, header), LARGE)
  assert.equal(largestFrame(fresh, header.subarray(0, 2)), 0)
  assert.equal(largestFrame({ _state: 0, _len: 65_535, _tmp: 65_536 }, header.subarray(2)), LARGE)
})

test('a large frame is found behind others, and behind the rest of one', () => {
  const data = Buffer.concat([frame(10), frame(0), frame(300), frame(LARGE, 5)])
  assert.equal(largestFrame(fresh, data), LARGE)
  assert.equal(
    largestFrame({ _state: 1, _len: 100, _tmp: 60 }, Buffer.concat([Buffer.alloc(40, 255), data])),
    LARGE
  )
})

test('what is in a frame announces nothing', () => {
  assert.equal(largestFrame({ _state: 1, _len: 100, _tmp: 60 }, Buffer.alloc(40, 255)), 0)
  assert.equal(largestFrame(fresh, Buffer.concat([frame(300), frame(7)])), 300)
})
