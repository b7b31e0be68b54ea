import assert from 'node:assert/strict'
import test from 'node:test'
import { BushelError } from '../../../contracts/errors/error.js'
import { LEVELS, covers, isLevel, loggerTo, nullLogger } from '../../../src/base/logger.js'
import type { LogLine, Level, Logger } from '../../../src/base/logger.js'
import { Tally } from '../../../src/base/tally.js'

function heard(level?: Level): { lines: LogLine[]; log: Logger } {
  const lines: LogLine[] = []
  return { lines, log: loggerTo(line => lines.push(line), level) }
}

test('a log has the lines of its level and above', () => {
  for (const [i, limit] of LEVELS.entries()) {
    const { lines, log } = heard(limit)
    for (const level of LEVELS) log[level](`a line of ${level}`)
    assert.deepEqual(
      lines.map(({ level }) => level),
      LEVELS.slice(0, i + 1)
    )
  }
  assert.ok(covers('debug', 'error') && !covers('error', 'warn'))
  assert.ok(isLevel('warn') && !isLevel('loud') && !isLevel(undefined))
})

test('a line has its time, its part and its fields; parts of parts are told apart', () => {
  const { lines, log } = heard()
  const id = Buffer.alloc(32, 7)
  log.child('storage').child('bids').info('lease agreed', { lease: id, msat: 5000n })
  log.info('node starts')
  assert.deepEqual(
    lines.map(({ part, message, fields }) => ({ part, message, fields })),
    [
      { part: 'storage.bids', message: 'lease agreed', fields: { lease: id, msat: 5000n } },
      { part: '', message: 'node starts', fields: {} }
    ]
  )
  assert.ok(lines.every(({ at }) => Number.isSafeInteger(at) && at > 0))
})

test('a fault keeps what was thrown, at every level, also where it is handed on as a function', async () => {
  for (const level of LEVELS) {
    const { lines, log } = heard(level)
    const error = new Error('out of paper')
    await Promise.reject(error).catch(log.child('printer').fault)
    log.fault('no error at all', { page: 3 })
    assert.deepEqual(
      lines.map(line => [line.level, line.part, line.message, line.error]),
      [
        ['error', 'printer', 'out of paper', error],
        ['error', '', 'no error at all', 'no error at all']
      ]
    )
    assert.deepEqual(lines[1]!.fields, { page: 3 })
  }
})

test('the null logger takes everything and says nothing', () => {
  const log = nullLogger.child('any').child('part')
  for (const level of LEVELS) log[level]('nothing')
  log.fault(new Error('nothing'))
  assert.equal(log, nullLogger)
})

test('what is repeated is said once, and then counted', () => {
  const { lines, log } = heard()
  const tally = new Tally(log, 'peer cut off')
  const peer = Buffer.alloc(32, 1)
  for (let i = 0; i < 1000; i++) tally.count('MALFORMED', { peer })
  tally.count('BUDGET')
  assert.deepEqual(
    lines.map(({ level, message, fields }) => ({ level, message, fields })),
    [
      { level: 'warn', message: 'peer cut off', fields: { bound: 'MALFORMED', times: 1, peer } },
      { level: 'warn', message: 'peer cut off', fields: { bound: 'BUDGET', times: 1 } }
    ]
  )
  tally.flush()
  assert.deepEqual(
    lines.slice(2).map(({ fields }) => fields),
    [{ bound: 'MALFORMED', times: 999 }]
  )
  tally.flush()
  assert.equal(lines.length, 3, 'nothing is said twice')
  tally.count('BUDGET')
  assert.deepEqual(lines[3]!.fields, { bound: 'BUDGET', times: 1 })
})

test('a tally says by itself what it has counted', (t, done) => {
  const lines: LogLine[] = []
  const alive = setInterval(() => undefined, 1000)
  t.after(() => clearInterval(alive))
  const tally = new Tally(
    loggerTo(line => {
      lines.push(line)
      if (lines.length === 2)
        done(line.fields['times'] === 2 ? undefined : new Error(String(line.fields['times'])))
    }),
    'peer cut off',
    5
  )
  for (let i = 0; i < 3; i++) tally.count('MALFORMED')
})

test('a fault is as loud as its kind, and what is not ours has no stack', () => {
  const { lines, log } = heard()
  for (const code of ['INTERNAL', 'DISK_FULL', 'MALFORMED', 'DECLINED', 'CANCELLED', 'PEER_GONE'] as const)
    log.fault(new BushelError(code, 'a fault'), { page: 3 })
  assert.deepEqual(
    lines.map(({ level, error, fields }) => [level, error !== undefined, fields['code'], fields['page']]),
    [
      ['error', true, undefined, 3],
      ['error', true, undefined, 3],
      ['warn', false, 'MALFORMED', 3],
      ['warn', false, 'DECLINED', 3],
      ['warn', false, 'CANCELLED', 3],
      ['info', false, 'PEER_GONE', 3]
    ]
  )
  const quiet = heard('error')
  quiet.log.fault(new BushelError('MALFORMED', 'a fault'))
  assert.equal(quiet.lines.length, 0)
})
