import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { MIB } from '../../../contracts/money/quantity.js'
import { inSteps, sha256InSteps } from '../../../src/base/steps.js'
import { seal, unseal } from '../../../src/compute/job/encryption.js'
import { sumsOf, packInput, unpackInput } from '../../../src/compute/job/job-archive.js'
import { turnsOf } from '../../parts/compute/turns.js'

const bytes = Buffer.alloc(20 * MIB + 1, 'seven bytes and more')

test('bytes are cut into steps of 1 MiB, whatever their pieces are', async () => {
  const pieces = [bytes.subarray(0, 5), bytes.subarray(5, 3 * MIB), Buffer.alloc(0), bytes.subarray(3 * MIB)]
  const steps: Buffer[] = []
  for await (const step of inSteps(pieces)) steps.push(step)
  assert.ok(steps.every(({ byteLength }) => byteLength <= MIB))
  assert.ok(Buffer.concat(steps).equals(bytes))
})

test('small pieces share a step, and the event loop has one turn for each', async () => {
  const pieces = Array.from({ length: 64 }, (_, i) => bytes.subarray((i * MIB) / 16, ((i + 1) * MIB) / 16))
  assert.equal(await turnsOf(() => sha256InSteps(pieces)), 4)
})

test('hashing and encrypting give the event loop a turn at each MiB', async () => {
  const key = Buffer.alloc(32, 1)
  assert.equal(await turnsOf(() => sha256InSteps([bytes])), 20)
  assert.deepEqual(await sha256InSteps([bytes]), createHash('sha256').update(bytes).digest())
  let parts: Buffer[] = []
  assert.equal(await turnsOf(async () => void (parts = await seal([bytes], key))), 20)
  const sealed = Buffer.concat(parts)
  let opened: Buffer | null = null
  assert.equal(await turnsOf(async () => void (opened = await unseal(sealed, key))), 20)
  assert.ok(bytes.equals(opened!))
  assert.equal(await turnsOf(() => sumsOf({ stdout: bytes, files: [] })), 20)
})

test('the event loop has a turn at every 1024 files of an archive', async () => {
  const files = Array.from({ length: 4000 }, (_, i) => ({
    path: `file ${i}`,
    bytes: bytes.subarray(i, i + 10)
  }))
  const packed = Buffer.concat(packInput({ stdin: null, files }))
  assert.equal(await turnsOf(() => unpackInput(packed)), 3)
  assert.equal(await turnsOf(() => sumsOf({ stdout: Buffer.alloc(0), files })), 3)
})
