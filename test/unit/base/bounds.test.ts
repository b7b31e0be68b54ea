import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { formatSize } from '../../../contracts/money/quantity.js'
import { addressOf } from '../../../src/base/bounds/address.js'
import { BOUNDS } from '../../../src/base/bounds/bounds.js'
import type { Bound } from '../../../src/base/bounds/bounds.js'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))

function cell(value: number | null, unit: Bound['unit']): string {
  if (value === null) return ''
  return unit === 'bytes' ? formatSize(value) : `${value}`
}

/** The cells of a row of a table in Markdown. */
const cellsOf = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map(text => text.trim())

test('the threat model has every bound with its values, and names a test that exists', async () => {
  const page = await readFile(join(ROOT, 'docs', 'threat-model.md'), 'utf8')
  const rows = page
    .split('\n')
    .filter(line => line.startsWith('|'))
    .map(cellsOf)
  const folder = join(ROOT, 'test')
  const names = (await readdir(folder, { recursive: true })).filter(name => name.endsWith('.test.ts'))
  const sources = await Promise.all(names.map(name => readFile(join(folder, name), 'utf8')))
  for (const { text, unit, peer, address, all } of Object.values<Bound>(BOUNDS)) {
    const row = rows.find(([what]) => what === text)
    assert.ok(row, `no row: ${text}`)
    const values = [peer, address, all].map(value => cell(value, unit))
    assert.deepEqual(row.slice(1, 5), [...values, unit], text)
    const shown = row[5]!
    assert.ok(shown.length > 10 && sources.some(source => source.includes(shown)), `no test: ${shown}`)
  }
})

test('an address is an IPv4 address or a network of IPv6, and this machine has none', () => {
  const cases: [string, string | null][] = [
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:0db8:0001:2::9', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['127.0.0.1', null],
    ['::1', null],
    ['::ffff:127.0.0.1', null]
  ]
  for (const [host, address] of cases) assert.equal(addressOf(host), address, host)
})
