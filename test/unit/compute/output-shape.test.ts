import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultOfOutput } from '../../../src/compute/job/output-shape.js'

const LIMITS = { stdoutBytes: 10, stderrBytes: 5, outputBytes: 20, inodes: 3 }
const outputOf = (...paths: string[]): Parameters<typeof faultOfOutput>[0] => ({
  stdout: Buffer.alloc(10),
  stderr: Buffer.alloc(5),
  files: paths.map(path => ({ path, bytes: Buffer.alloc(5) }))
})

test('an output within its limits is one that a sandbox can make', () => {
  assert.equal(faultOfOutput(outputOf(), LIMITS), null)
  assert.equal(faultOfOutput(outputOf('a', 'a-b', 'c/b'), LIMITS), null)
})

test('an output that no sandbox can make is refused with the reason', () => {
  const good = outputOf('a', 'b')
  const bad: [Parameters<typeof faultOfOutput>[0], RegExp][] = [
    [{ ...good, stdout: Buffer.alloc(11) }, /standard output is larger/],
    [{ ...good, stderr: Buffer.alloc(6) }, /standard error is larger/],
    [outputOf('a', 'b', 'c', 'd'), /more files than were agreed/],
    [{ ...good, files: [{ path: 'a', bytes: Buffer.alloc(21) }] }, /files are larger/],
    [outputOf('../a'), /not a plain relative path/],
    [outputOf('/a'), /not a plain relative path/],
    [outputOf(''), /not a plain relative path/],
    [outputOf('a\0b'), /not text/],
    [outputOf('x'.repeat(10_000)), /too long/],
    [outputOf('a', 'a'), /occurs twice/],
    [outputOf('a', 'a/b'), /both a file and a folder/],
    [outputOf('b', 'a'), /not in the order/]
  ]
  for (const [output, fault] of bad) assert.match(faultOfOutput(output, LIMITS) ?? 'none', fault)
})
