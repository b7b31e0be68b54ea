import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { JobResult } from '#spec'
import { expectedResult } from '../../../../src/compute/job/expected.js'
import { DeviceLoads } from '../../../../src/compute/buyer/device-loads.js'
import { equalFuel, fuelOf, shareOf } from '../../../../src/compute/buyer/run/budget.js'
import type { Priced } from '../../../../src/compute/buyer/run/budget.js'
import { nothing } from '../../../../src/compute/sandbox/endings.js'
import { grouped, isExcused, majority } from '../../../../src/compute/job/verdicts.js'
import type { Stated } from '../../../../src/compute/job/verdicts.js'
import { TRUTH } from '../../../parts/compute/fake-providers.js'

const MOST = 10n ** 12n
const stated = (change: Partial<JobResult> = {}, mostFuel = MOST): Stated => ({
  result: { ...TRUTH, ...change },
  mostFuel
})
const letters = (text: string): Stated[] => [...text].map(one => stated({ tree: Buffer.alloc(32, one) }))

test('a majority is more than half of the requested replicas', () => {
  const sizes = (text: string, wanted: number): number | undefined => majority(letters(text), wanted)?.length
  const cases: [string, number, number | undefined][] = [
    ['', 1, undefined],
    ['a', 1, 1],
    ['a', 2, undefined],
    ['aa', 2, 2],
    ['ab', 2, undefined],
    ['aa', 3, 2],
    ['a', 3, undefined],
    ['aba', 3, 2],
    ['abc', 3, undefined],
    ['aabb', 4, undefined],
    ['aaab', 4, 3],
    ['abbab', 5, 3],
    ['aab', 5, undefined]
  ]
  for (const [text, wanted, size] of cases) assert.equal(sizes(text, wanted), size, `${text} of ${wanted}`)
})

test('every statement is in one group, together with all equal statements', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 9 }), text => {
      const groups = grouped(letters(text))
      const sizes = groups.map(({ length }) => length)
      assert.equal(
        sizes.reduce((sum, size) => sum + size, 0),
        text.length
      )
      assert.deepEqual(
        sizes,
        [...sizes].sort((a, b) => b - a)
      )
      assert.equal(groups.length, new Set(text).size)
    })
  )
})

test('any difference between statements makes results differ, except the wording of the reason', () => {
  const base = stated()
  const changes: Partial<JobResult>[] = [
    { status: 'trap' },
    { limit: 'cpu' },
    { exitCode: 1 },
    { fuel: TRUTH.fuel + 1n },
    { tree: Buffer.alloc(32) },
    { stdout: Buffer.alloc(32) }
  ]
  for (const change of changes) assert.equal(grouped([base, stated(change)]).length, 2)
  assert.equal(grouped([base, stated({ reason: 'in other words' })]).length, 1)
})

test('a replica that ran out of fuel is excused only when its terms paid for less than the others used', () => {
  const out = { status: 'limit', limit: 'fuel' }
  const others = [stated({ fuel: 500n }), stated({ fuel: 500n })]
  assert.ok(isExcused(stated({ ...out, fuel: 400n }, 400n), others))
  assert.ok(!isExcused(stated({ ...out, fuel: 500n }, 500n), others), 'it had fuel enough')
  assert.ok(!isExcused(stated({ fuel: 400n }, 400n), others), 'it ended otherwise')
  const ended = [stated({ ...out, fuel: 300n }, 300n), stated({ ...out, fuel: 310n }, 310n)]
  assert.equal(grouped(ended).length, 1)
  assert.ok(isExcused(stated({ fuel: 400n }), ended), 'it had more than they')
  assert.ok(!isExcused(stated({ fuel: 305n }), ended))
})

const priced = fc.record({
  price: fc.bigInt({ min: 1n, max: 10n ** 9n }),
  baseMsat: fc.bigInt({ min: 1n, max: 10_000n })
})

test('shares sum to at most the budget, leave little of it, and buy equal fuel at every price', () => {
  fc.assert(
    fc.property(
      fc.array(priced, { minLength: 1, maxLength: 7 }),
      fc.bigInt({ min: 1n, max: 10n ** 9n }),
      (asks: Priced[], budget) => {
        const fuel = equalFuel(asks, budget)
        const bases = asks.reduce((sum, { baseMsat }) => sum + baseMsat, 0n)
        if (bases >= budget) return assert.equal(fuel, 0n)
        let left = budget
        for (const ask of asks) {
          const share = shareOf(ask, fuel, left)
          left -= share
          if (share > 0n) assert.ok(fuelOf(ask, share) <= fuel)
          assert.ok(share === 0n || share > ask.baseMsat)
        }
        assert.ok(left >= 0n)
        if (asks.every(ask => (fuel * ask.price) / 10n ** 12n > 0n))
          assert.ok(left <= BigInt(asks.length + 1))
      }
    )
  )
})

test('providers with a free core come first, and otherwise the order is kept', () => {
  const asks = ['a', 'b', 'c'].map((name, i) => ({
    ...{ id: Buffer.alloc(32), identity: Buffer.alloc(32), revision: 1, price: 1n, baseMsat: 1n, memory: 1 },
    ...{ isolation: 'bwrap' as const, fuel: 'fuel/1', device: Buffer.from(name), cores: i + 1 }
  }))
  const deviceLoads = new DeviceLoads()
  const order = (): string =>
    deviceLoads
      .leastLoadedFirst(asks)
      .map(({ device }) => device.toString())
      .join('')
  assert.equal(order(), 'abc')
  deviceLoads.change(Buffer.from('a'), 1)
  assert.equal(order(), 'bca')
  deviceLoads.change(Buffer.from('b'), 1)
  assert.equal(order(), 'bca')
  deviceLoads.change(Buffer.from('b'), 1)
  assert.equal(order(), 'cab')
  deviceLoads.change(Buffer.from('a'), -1)
  assert.equal(order(), 'acb')
  assert.equal(deviceLoads.jobsOn(Buffer.from('a')), 0)
})

test('a local run gives the result that a provider would state', () => {
  const outcome = {
    ...nothing('limit', 'wall', 'too long'),
    hash: 'ab'.repeat(32) + 'cd'.repeat(32),
    fuel: 5n
  }
  assert.deepEqual(expectedResult(outcome), {
    status: 'limit',
    limit: 'wall',
    reason: 'too long',
    exitCode: -1,
    fuel: 5n,
    tree: Buffer.alloc(32, 0xab),
    stdout: Buffer.alloc(32, 0xcd)
  })
  assert.equal(expectedResult(nothing('rejected', null, '')).limit, '')
})
