import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MAX_ROUNDS, answerPrice, nextOffer } from '../../../src/deal/negotiation/concession.js'

const price = fc.bigInt({ min: 1n, max: 1_000_000n })

test('an offer of the last price or more, and no offer at all, get the last price', () => {
  for (let round = 1; round <= MAX_ROUNDS; round++)
    for (const offer of [null, 100n, 101n, 10_000n])
      assert.equal(answerPrice({ round, last: 100n, floor: 50n, offer }), 100n)
})

test('a lower offer is met halfway, unless that is below the floor', () => {
  for (const round of [1, 2]) {
    assert.equal(answerPrice({ round, last: 100n, floor: 50n, offer: 60n }), 80n)
    assert.equal(answerPrice({ round, last: 100n, floor: 50n, offer: 61n }), 81n, 'rounded up')
    assert.equal(answerPrice({ round, last: 100n, floor: 81n, offer: 60n }), 100n)
  }
})

test('the last round takes an offer from the floor on and declines the others', () => {
  assert.equal(answerPrice({ round: 3, last: 100n, floor: 60n, offer: 60n }), 60n)
  assert.equal(answerPrice({ round: 3, last: 100n, floor: 60n, offer: 59n }), null)
})

test('an answer is never below the floor or above the last price, and never shows a floor it does not meet', () => {
  fc.assert(
    fc.property(price, price, price, fc.integer({ min: 1, max: 3 }), (a, b, offer, round) => {
      const [floor, last] = a < b ? [a, b] : [b, a]
      const answer = answerPrice({ round, last, floor, offer })
      if (answer === null) return round === MAX_ROUNDS && offer < floor
      // What is answered follows from prices that both sides know.
      return answer >= floor && answer <= last && [last, offer, (last + offer + 1n) / 2n].includes(answer)
    })
  )
})

test('a buyer raises its offers, stays within its highest price and the counter-offer, and ends', () => {
  fc.assert(
    fc.property(price, price, price, price, (start, ask, floorOf, most) => {
      const maxPrice = most < start ? null : most
      const floor = floorOf < ask ? floorOf : ask
      let offer: bigint | null = start
      let last = ask
      for (let round = 1; offer !== null; round++) {
        assert.ok(round <= MAX_ROUNDS)
        const counter = answerPrice({ round, last, floor, offer })
        if (counter === null) return
        last = counter
        const next: bigint | null = nextOffer({ round: round + 1, offer, counter, maxPrice })
        assert.ok(
          next === null || (next > offer && next <= counter && (maxPrice === null || next <= maxPrice))
        )
        offer = next
      }
    })
  )
})

test('a buyer names its highest price only in the last round, when nothing within it was quoted', () => {
  const counter = 100n
  assert.equal(nextOffer({ round: 2, offer: 40n, counter, maxPrice: 80n }), 60n)
  assert.equal(nextOffer({ round: 3, offer: 60n, counter, maxPrice: 80n }), 80n)
  assert.equal(nextOffer({ round: 3, offer: 60n, counter: 80n, maxPrice: 90n }), 70n)
  assert.equal(nextOffer({ round: 4, offer: 60n, counter, maxPrice: 80n }), null)
  assert.equal(nextOffer({ round: 2, offer: 100n, counter, maxPrice: null }), null)
})
