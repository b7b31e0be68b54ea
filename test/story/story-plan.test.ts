import assert from 'node:assert/strict'
import test from 'node:test'
import { billedBytes } from '../../contracts/money/money.js'
import { MIB } from '../../contracts/money/quantity.js'
import { chargeOf, planInstallments } from '../../contracts/money/installments.js'
import { LEAST_PAYMENTS, TIME, offersFor, packedSize, paymentsAt } from '../../bin/demo/plan.js'
import type { TreeSize } from '../../bin/demo/tree.js'

const sat = 1000n
const usual = {
  time: TIME,
  firstInstallmentMsat: 5n * sat,
  maxInstallmentMsat: 40n * sat,
  minChargeMsat: sat
}

const tree = (files: number, bytes: number): TreeSize => ({
  files,
  bytes,
  pathBytes: files * 30,
  blocks: files + Math.floor(bytes / (256 * 1024))
})

test('the demo pays each provider at least six times for inputs of any size, and at most 300 sat', () => {
  for (const files of [1, 7, 300, 10_000, 1_000_000]) {
    for (const bytes of [0, 1, 1000, 1e6, 37e6, 100e6, 1e9, 64e9, 5e12]) {
      const size = tree(files, bytes)
      const offers = offersFor(size)
      const prices = offers.map(({ price }) => price)
      assert.ok(prices[0]! < prices[1]! && prices[1]! < prices[2]!)
      assert.equal(new Set(offers.map(({ space }) => space)).size, 3)
      for (const { price, space } of offers.slice(0, 2)) {
        assert.ok(BigInt(space) >= billedBytes([packedSize(size)]), `${space} bytes are room enough`)
        // The estimate may be off by a twentieth on either side.
        for (const share of [0.95, 1, 1.05]) {
          const packed = packedSize(size)
          const byteLength = Math.floor(packed.byteLength * share)
          const terms = {
            ...usual,
            price,
            cores: [{ key: Buffer.alloc(32), length: packed.length, byteLength }]
          }
          assert.ok(
            planInstallments(terms).length >= LEAST_PAYMENTS,
            `${files} files, ${bytes} bytes: ${chargeOf(terms)} msat`
          )
          assert.ok(chargeOf(terms) < 300n * sat, `${files} files, ${bytes} bytes: ${chargeOf(terms)} msat`)
        }
      }
      assert.ok(paymentsAt(prices[0]!, size) >= LEAST_PAYMENTS)
    }
  }
})

test('the demo offers to keep 100 MB at 120 sat/GiB-month', () => {
  const [best] = offersFor(tree(8000, 98e6))
  assert.deepEqual(best, { price: 120n * sat * 1024n, space: 290 * MIB })
})
