import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { sumOfFiles } from '../../../../contracts/evidence/checksum.js'
import type { FileSum } from '../../../../contracts/evidence/checksum.js'
import { sumsOfOutput } from '../../../../contracts/job-output.js'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const file = (path: string, content: string): FileSum => ({
  path,
  size: Buffer.byteLength(content),
  sha256: sha256(content)
})

test('the checksum of a tree is the SHA-256 of a line for each file, sorted by path', () => {
  const lines = `a/b\x005\x00${sha256('hello')}\nz\x000\x00${sha256('')}\n`
  const sum = { sha256: sha256(lines), files: 2, bytes: 5 }
  assert.deepEqual(sumOfFiles([file('a/b', 'hello'), file('z', '')]), sum)
  assert.deepEqual(sumOfFiles([file('z', ''), file('a/b', 'hello')]), sum, 'in any order')
  assert.deepEqual(sumOfFiles([]), { sha256: sha256(''), files: 0, bytes: 0 })
})

test('paths are sorted by their UTF-8 bytes, not by UTF-16', () => {
  const [emoji, private1] = ['\u{1f600}', '\uffee']
  assert.ok(emoji < private1, 'UTF-16 would put the emoji first')
  const lines = `${private1}\x001\x00${sha256('p')}\n${emoji}\x001\x00${sha256('e')}\n`
  assert.equal(sumOfFiles([file(emoji, 'e'), file(private1, 'p')]).sha256, sha256(lines))
})

test('a tree with another path, size or content has another checksum', () => {
  const good = file('a', 'hello')
  const sums = [good, { ...good, path: 'b' }, { ...good, size: 6 }, { ...good, sha256: sha256('x') }].map(
    one => sumOfFiles([one]).sha256
  )
  assert.equal(new Set(sums).size, sums.length)
})

test('the output of a job has the checksums of its tree and of its standard output', () => {
  const files = [
    { path: 'b', bytes: Buffer.from('hello') },
    { path: 'a', bytes: null }
  ]
  const output = { stdout: Buffer.from('out'), stderr: Buffer.from('ignored'), files }
  const { tree, stdout } = sumsOfOutput(output)
  assert.equal(tree.toString('hex'), sumOfFiles([file('a', ''), file('b', 'hello')]).sha256)
  assert.equal(stdout.toString('hex'), sha256('out'))
  const silent = sumsOfOutput({ stdout: null, stderr: null, files: [] })
  assert.equal(silent.stdout.toString('hex'), sha256(''))
  assert.equal(silent.tree.toString('hex'), sumOfFiles([]).sha256)
})
