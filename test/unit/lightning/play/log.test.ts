import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { CommitLog, DamagedLogError } from '../../../../src/lightning/backends/play/log/log.js'

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'bushel-log-'))
after(() => fs.rmSync(dir, { recursive: true, force: true }))

let count = 0
const newFile = (): string => path.join(dir, `log-${count++}`)

function contents(file: string): Record<string, string> {
  const log = new CommitLog(file)
  const found = Object.fromEntries([...log.keys()].map(key => [key, String(log.get(key))]))
  log.close()
  return found
}

function write(file: string, ...batches: Record<string, string | null>[]): number[] {
  const log = new CommitLog(file)
  const sizes = batches.map(batch => {
    log.commit(
      new Map(Object.entries(batch).map(([key, value]) => [key, value === null ? null : Buffer.from(value)]))
    )
    return log.size
  })
  log.close()
  return sizes
}

test('the log keeps, replaces and deletes entries', () => {
  const file = newFile()
  write(file, { a: '1', b: '2' }, { a: '3', c: '' }, { b: null })
  assert.deepEqual(contents(file), { a: '3', c: '' })
  assert.equal(fs.statSync(file).mode & 0o777, 0o600)
})

test('a truncated last batch is ignored, and later batches follow the valid ones', () => {
  const file = newFile()
  const [first, second] = write(file, { a: '1' }, { a: '2', b: 'x'.repeat(40) })
  const whole = fs.readFileSync(file)
  for (let size = first as number; size < (second as number); size++) {
    fs.writeFileSync(file, whole.subarray(0, size))
    assert.deepEqual(contents(file), { a: '1' })
    assert.equal(fs.statSync(file).size, first)
  }
  write(file, { b: 'again' })
  assert.deepEqual(contents(file), { a: '1', b: 'again' })
})

test('a last batch that is only partly on disk is ignored', () => {
  const file = newFile()
  const [first] = write(file, { a: '1' }, { a: '2'.repeat(5000) })
  const bytes = fs.readFileSync(file)
  bytes.fill(0, first, (first as number) + 200)
  fs.writeFileSync(file, bytes)
  assert.deepEqual(contents(file), { a: '1' })
})

test('damage before valid batches is reported, never rolled back silently', () => {
  const file = newFile()
  const [first] = write(file, { a: '1' }, { a: '2' }, { a: '3' })
  const bytes = fs.readFileSync(file)
  for (const offset of [0, 5, 20, first as number, (first as number) + 18]) {
    const damaged = Buffer.from(bytes)
    damaged[offset] = (damaged[offset] as number) ^ 1
    fs.writeFileSync(file, damaged)
    assert.throws(() => new CommitLog(file), DamagedLogError)
    assert.deepEqual(fs.readFileSync(file), damaged)
  }
})

test('the log is compacted when most of it is dead, and holds the same afterwards', () => {
  const file = newFile()
  const log = new CommitLog(file, { compactMin: 1000 })
  log.commit(new Map([['kept', Buffer.from('here')]]))
  const big = Buffer.alloc(300, 7)
  for (let i = 0; i < 100; i++) log.commit(new Map([['big', big]]))
  assert.ok(log.size < 2000, `${log.size} bytes`)
  assert.equal(fs.statSync(file).size, log.size)
  log.commit(new Map([['after', Buffer.from('too')]]))
  log.close()
  assert.deepEqual(contents(file), { kept: 'here', big: String(big), after: 'too' })
  assert.deepEqual(
    fs.readdirSync(dir).filter(name => name.endsWith('.new')),
    []
  )
})

test('an interrupted compaction leaves the old file in use', () => {
  const file = newFile()
  write(file, { a: '1' })
  fs.writeFileSync(`${file}.new`, 'half a file')
  assert.deepEqual(contents(file), { a: '1' })
  assert.equal(fs.existsSync(`${file}.new`), false)
})

test('any sequence of batches reads back like a map', () => {
  const key = fc.constantFrom('a', 'b', 'monitor/1', 'ä')
  const value = fc.option(fc.string({ maxLength: 60 }), { nil: null })
  fc.assert(
    fc.property(fc.array(fc.dictionary(key, value), { maxLength: 8 }), batches => {
      const file = newFile()
      write(file, ...batches)
      const expected = new Map(batches.flatMap(batch => Object.entries(batch)))
      for (const [name, text] of expected) if (text === null) expected.delete(name)
      assert.deepEqual(contents(file), Object.fromEntries(expected))
      fs.rmSync(file)
    }),
    { numRuns: 30 }
  )
})
