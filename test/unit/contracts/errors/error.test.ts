import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BushelError, isBlamed, isOurs, isPassing, failed } from '../../../../contracts/errors/error.js'
import { ERRORS, EXIT, isErrorCode } from '../../../../contracts/errors/error-table.js'
import type { ErrorCode, ErrorKind, Exit } from '../../../../contracts/errors/error-table.js'

const codes = Object.keys(ERRORS) as ErrorCode[]
const ofKind = (kind: ErrorKind): BushelError =>
  new BushelError(
    codes.find(code => ERRORS[code].kind === kind)!,
    'it failed'
  )

test('an error has the exit code and the kind of its code', () => {
  for (const code of codes) {
    const error = new BushelError(code, 'it failed', 'try again')
    assert.ok(error instanceof Error)
    assert.equal(error.name, 'BushelError')
    assert.deepEqual(
      [error.code, error.exit, error.kind, error.message, error.hint],
      [code, ERRORS[code].exit, ERRORS[code].kind, 'it failed', 'try again']
    )
  }
  assert.equal(new BushelError('FAILED', 'it failed').hint, '')
})

test('an error crosses to another process as it is', () => {
  for (const code of codes) {
    const sent = new BushelError(code, 'it failed', 'try again')
    const shape = { code, exit: ERRORS[code].exit, message: 'it failed', hint: 'try again' }
    assert.deepEqual(JSON.parse(JSON.stringify(sent)), shape)
    assert.deepEqual(BushelError.from(shape).toJSON(), shape)
  }
})

test('a code of another version is read as the general code for its exit code, and stays in the message', () => {
  const general: [Exit, ErrorCode][] = [
    [EXIT.failed, 'FAILED'],
    [EXIT.badInput, 'BAD_INPUT'],
    [EXIT.notFound, 'NOT_FOUND'],
    [EXIT.noOffer, 'NO_OFFER'],
    [EXIT.payment, 'PAYMENT_FAILED'],
    [EXIT.interrupted, 'INTERRUPTED'],
    [77 as Exit, 'FAILED']
  ]
  for (const [exit, code] of general) {
    const error = BushelError.from({ code: 'NEW_IN_9', exit, message: 'it failed', hint: 'try again' })
    assert.deepEqual([error.code, error.message, error.hint], [code, 'it failed (NEW_IN_9)', 'try again'])
    if (exit !== (77 as Exit)) assert.equal(error.exit, exit)
  }
})

test('only words of the table are error codes', () => {
  for (const code of codes) assert.ok(isErrorCode(code), code)
  for (const other of ['', 'NEW_IN_9', 'failed', 'toString', '__proto__', 5, null, undefined, ['FAILED']])
    assert.ok(!isErrorCode(other), String(other))
})

test('the kind of an error says whose fault it is', () => {
  const verdicts: [ErrorKind, { ours: boolean; blamed: boolean; passing: boolean }][] = [
    ['input', { ours: true, blamed: false, passing: false }],
    ['ours', { ours: true, blamed: false, passing: false }],
    ['bug', { ours: true, blamed: false, passing: false }],
    ['peer', { ours: false, blamed: true, passing: false }],
    ['passing', { ours: false, blamed: false, passing: true }],
    ['refused', { ours: false, blamed: false, passing: false }]
  ]
  for (const [kind, verdict] of verdicts) {
    const error = ofKind(kind)
    const judged = { ours: isOurs(error), blamed: isBlamed(error), passing: isPassing(error) }
    assert.deepEqual(judged, verdict, kind)
  }
})

test('an error of a library is ours, never blamed on a peer and never passing', () => {
  for (const other of [new Error('it failed'), { kind: 'peer' }, { kind: 'passing' }, 'peer', null]) {
    assert.ok(isOurs(other))
    assert.ok(!isBlamed(other))
    assert.ok(!isPassing(other))
  }
})

test('an error keeps its cause', () => {
  const cause = new Error('deep')
  const error = new BushelError('FAILED', 'it failed')
  assert.equal(error.withCause(cause), error)
  assert.equal(error.cause, cause)
  assert.equal(new BushelError('FAILED', 'it failed', '', { cause }).cause, cause)
})

test('a failure of the system is told as FAILED, and a full disk as that', () => {
  const full = Object.assign(new Error('no space left on device, write'), { code: 'ENOSPC' })
  const told = failed(Object.assign(new Error(`the service 'lock' could not open`), { code: 'ENOSPC' }))
  assert.equal(failed(full).code, 'DISK_FULL')
  assert.equal(
    failed(new Error('Batch was not applied', { cause: full })).code,
    'DISK_FULL',
    'as RocksDB says it'
  )
  assert.deepEqual(
    [told.code, told.message],
    ['DISK_FULL', "the disk is full: the service 'lock' could not open"]
  )
  assert.match(told.hint, /free some space/)
  assert.equal(failed(new Error('no')).code, 'FAILED')
  assert.equal(failed('no').message, 'no')
})
