import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import crypto from 'hypercore-crypto'
import { DAY } from '../../../contracts/money/quantity.js'
import { KnownMarkets } from '../../../src/book/known-markets.js'
import { refusal } from '../../../src/book/refusal.js'
import { DEFAULT_RULES, areSound, lifetimeBits, marketRules } from '../../../src/book/view/rules.js'
import { ticksDue } from '../../../src/book/relay/ticker.js'

const founder = crypto.randomBytes(32)

test('rules have their default values unless the founder sets them', () => {
  assert.deepEqual(marketRules(founder, 'disk'), { name: 'disk', founder, ...DEFAULT_RULES })
  const rules = marketRules(founder, 'disk', { maxOrders: 7, tickInterval: 50 })
  assert.equal(rules.maxOrders, 7)
  assert.ok(areSound(rules))
  assert.ok(!areSound({ ...rules, maxOrders: 0 }))
  assert.ok(!areSound({ ...rules, name: 'a\u001b[2J' }))
})

test('an unknown rule, an absurd value and a bad name each give one clear error line', () => {
  const bad: [string, Record<string, number>, string][] = [
    ['disk', { maxOrdersPerPerson: 3 }, 'BAD_RULES'],
    ['disk', { toString: 3 }, 'BAD_RULES'],
    ['disk', { maxOrders: 0 }, 'BAD_RULES'],
    ['disk', { maxOrders: 1.5 }, 'BAD_RULES'],
    ['disk', { maxRecordBytes: 1 << 20 }, 'BAD_RULES'],
    ['disk', { stampBits: Number.NaN }, 'BAD_RULES'],
    ['disk', { maxLifetime: 'long' as never }, 'BAD_RULES'],
    ['', {}, 'BAD_NAME'],
    [' disk', {}, 'BAD_NAME'],
    ['x'.repeat(65), {}, 'BAD_NAME'],
    ['two\nlines', {}, 'BAD_NAME'],
    ['a\u202eb', {}, 'BAD_NAME']
  ]
  for (const [name, rules, code] of bad) {
    assert.throws(
      () => marketRules(founder, name, rules),
      (error: { code: string; exit: number; message: string }) => {
        assert.equal(error.code, code)
        assert.equal(error.exit, 2)
        assert.match(error.message, /^[^\n]+$/)
        return true
      }
    )
  }
  assert.equal(marketRules(founder, 'x'.repeat(64)).name.length, 64)
})

test('a longer lifetime needs a stronger stamp', () => {
  const rules = marketRules(founder, 'disk')
  const bits = (days: number): number => lifetimeBits(rules, { created: 0, expires: days * DAY })
  assert.deepEqual([0.1, 1, 3, 4, 7, 15, 16, 30].map(bits), [12, 12, 12, 13, 13, 13, 14, 14])
})

test('ticks advance at most an hour towards the present, and not at all when the clock went back', () => {
  const hour = 3_600_000
  assert.deepEqual(ticksDue(0, 5), [5])
  assert.deepEqual(ticksDue(10, 10), [])
  assert.deepEqual(ticksDue(10, 5), [])
  assert.deepEqual(ticksDue(10, 20), [20])
  assert.deepEqual(ticksDue(10, 10 + 2.5 * hour), [10 + hour, 10 + 2 * hour, 10 + 2.5 * hour])
  assert.ok(ticksDue(1, 1e12).length < 1000)
})

test('the list of joined markets survives a restart, and a corrupt file is reported and left unchanged', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-memory-'))
  const path = join(dir, 'markets.json')
  const memory = new KnownMarkets(path)
  await memory.load()
  const market = { key: crypto.randomBytes(32), namespace: 'n', admissions: [crypto.randomBytes(32)] }
  const other = { ...market, key: crypto.randomBytes(32) }
  await Promise.all([memory.put(market), memory.put(other), memory.delete(other.key)])
  const again = new KnownMarkets(path)
  await again.load()
  assert.deepEqual(again.markets, [market])
  for (const text of ['', '{', '{}', '{"markets":[{"key":"x"}]}']) {
    await writeFile(path, text)
    await assert.rejects(new KnownMarkets(path).load(), { code: 'CORRUPT', exit: 2 })
    assert.equal(await readFile(path, 'utf8'), text)
  }
  await rm(dir, { recursive: true })
})

test('text from a relay is shortened and cleaned of control characters before a person sees it', () => {
  const error = refusal({ code: 'no such \u001b word', reason: `\u001b[2J\n${'x'.repeat(500)}` })
  assert.deepEqual([error.code, error.word], ['ORDER_REFUSED', 'REFUSED'])
  assert.equal(error.exit, 1)
  assert.match(error.message, /^[\x20-\x7e]{1,200}$/)
  assert.equal(refusal({ code: 'FORGED', reason: 'no' }).exit, 2)
  assert.equal(refusal({ code: 'NO_BALANCE', reason: 'no' }).code, 'ORDER_REFUSED')
})
