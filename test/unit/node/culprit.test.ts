import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BushelError } from '../../../contracts/errors/error.js'
import { withCulprit } from '../../../src/node/culprit.js'

const noOffer = new BushelError('NO_OFFER', 'no offers fit', 'raise --max')

test('without UDP the own network is named, and the advice is about that', () => {
  for (const code of [
    'NO_OFFER',
    'NO_RELAY',
    'MARKET_NOT_REACHED',
    'PEER_UNREACHABLE',
    'LINK_NOT_FOUND'
  ] as const) {
    const error = withCulprit(
      new BushelError(code, 'nobody there', 'raise --max'),
      { reach: 'offline' },
      false
    )
    assert.ok(error instanceof BushelError)
    assert.equal(error.code, code)
    assert.match(error.message, /^nobody there; no node answers over UDP/)
    assert.doesNotMatch(error.hint, /--max/)
  }
})

test('the market is named when no node of one is connected', () => {
  const error = withCulprit(noOffer, { reach: 'cone' }, false) as BushelError
  assert.match(error.message, /^no offers fit; no node of a market is connected/)
  assert.doesNotMatch(error.hint, /--max/)
})

test('an error of another kind, or with the network at work, stays as it is', () => {
  assert.equal(withCulprit(noOffer, { reach: 'public' }, true), noOffer)
  const input = new BushelError('BAD_INPUT', 'x')
  assert.equal(withCulprit(input, { reach: 'offline' }, false), input)
  const other = new Error('x')
  assert.equal(withCulprit(other, { reach: 'offline' }, false), other)
})
