import assert from 'node:assert/strict'
import { test } from 'node:test'
import crypto from 'hypercore-crypto'
import { BOUNDS } from '../../../src/base/bounds/bounds.js'
import { UnpaidHolds } from '../../../src/deal/unpaid-holds.js'

test('strangers who agree again and again do not keep out the first of another network', async () => {
  let now = 0
  const holds = new UnpaidHolds(
    BOUNDS.unpaidLeases,
    () => now,
    () => Promise.resolve()
  )
  const agrees = (address: string): Promise<boolean> =>
    holds
      .makeRoom({ identity: crypto.randomBytes(32), address, isCustomer: false, amount: 1 }, () => 0)
      .then(
        () => true,
        () => false
      )
  // Ten addresses of one owner take all that comes for an hour.
  const flood = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) while (await agrees(`2001:db8:1:${i}`));
  }
  for (let minute = 0; minute < 60; minute++) {
    await flood()
    now += 60_000
  }
  await flood()
  assert.equal(await agrees('2001:db8:1:ff'), false)
  assert.equal(await agrees('203.0.113.7'), true)
  assert.equal(await agrees('2001:db8:2:1'), true)
  assert.equal(await agrees('2001:db8:2:2'), false, 'the second of a network')
})
