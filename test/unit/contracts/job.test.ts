import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { JobTerms } from '#spec'
import {
  MAX_SEGMENTS,
  faultOfJob,
  finalMsat,
  formatFuelPrice,
  fuelFor,
  jobCost,
  jobSegments,
  mostFuel,
  parseFuelPrice,
  segmentsMsat
} from '../../../contracts/job.js'
import type { JobPrice } from '../../../contracts/job.js'
import { lightningId, noPoint } from '../../samples/people.js'

const msat = (max: bigint) => fc.bigInt({ min: 1n, max })
const prices: fc.Arbitrary<JobPrice> = fc
  .tuple(msat(10n ** 9n), msat(10n ** 5n), msat(10n ** 5n), msat(10n ** 6n), msat(10n ** 9n))
  .map(([price, baseMsat, firstInstallmentMsat, more, rest]) => ({
    ...{ price, baseMsat, firstInstallmentMsat },
    maxInstallmentMsat: firstInstallmentMsat + more,
    maxMsat: baseMsat + rest
  }))

test('a compute price reads back as it was written', () => {
  assert.equal(parseFuelPrice('40 sat/Tfuel'), 40_000n)
  assert.equal(parseFuelPrice('40 sat/Gfuel'), 40_000_000n)
  assert.equal(formatFuelPrice(40_000n), '40 sat/Tfuel')
  for (const text of ['', '40 sat', '40/Tfuel/Tfuel', '0 sat/Tfuel', `${'9'.repeat(70)} sat/Tfuel`])
    assert.throws(() => parseFuelPrice(text))
})

test('segments begin with the base, double, and sum to the maximum cost of a job', () => {
  fc.assert(
    fc.property(prices, terms => {
      const segments = jobSegments(terms)
      assert.equal(segments[0], terms.baseMsat)
      assert.equal(
        segments.reduce((sum, part) => sum + part, 0n),
        terms.maxMsat
      )
      assert.ok(segments.length <= MAX_SEGMENTS + 1 + 64)
      segments
        .slice(2, -1)
        .forEach((part, i) => assert.ok(part === segments[i + 1]! * 2n || part >= segments[i + 1]!))
    })
  )
})

test('unpaid fuel never exceeds a segment, and payments never exceed the cost', () => {
  fc.assert(
    fc.property(prices, fc.double({ min: 0, max: 1, noNaN: true }), (terms, share) => {
      const fuel = (mostFuel(terms) * BigInt(Math.round(share * 1e9))) / 1_000_000_000n
      // As at a provider: a segment falls due when the fuel before it is used up.
      let paid = 1
      while (fuel > fuelFor(terms, paid)) paid++
      const segments = jobSegments(terms)
      const last = finalMsat(terms, fuel, paid)
      assert.equal(segmentsMsat(terms, paid) + last, jobCost(terms, fuel))
      assert.ok(last <= (segments[paid] ?? 0n))
      assert.ok(jobCost(terms, fuel) <= terms.maxMsat)
    })
  )
})

test('terms that must not be signed have their fault named', () => {
  const blob = { key: Buffer.alloc(32, 1), length: 1, byteLength: 10, sha256: Buffer.alloc(32, 2) }
  const party = (fill: number) => ({
    identity: Buffer.alloc(32, fill),
    device: Buffer.alloc(32, fill),
    lightning: lightningId(fill)
  })
  const good: JobTerms = {
    version: 1,
    nonce: Buffer.alloc(32),
    market: Buffer.alloc(32),
    ask: Buffer.alloc(32),
    network: 'play',
    buyer: party(1),
    provider: party(2),
    fuel: 'fuel/1',
    isolation: 'bwrap',
    module: blob,
    input: blob,
    args: ['program'],
    seed: Buffer.alloc(32),
    limits: {
      ...{ wallMs: 1, cpuMs: 1, memoryBytes: 1, moduleBytes: 1, compileMs: 1 },
      ...{ stdoutBytes: 1, stderrBytes: 1, outputBytes: 1, inodes: 1 }
    },
    price: 1n,
    baseMsat: 1n,
    firstInstallmentMsat: 1n,
    maxInstallmentMsat: 1n,
    maxMsat: 1n,
    countersignBy: 1,
    startBy: 2
  }
  assert.equal(faultOfJob(good), null)
  const bad: Partial<JobTerms>[] = [
    { version: 2 },
    { isolation: 'none' },
    { module: { ...blob, length: 2 } },
    { input: { ...blob, byteLength: 2 ** 31, length: 8192 } },
    { args: ['a\0b'] },
    { args: Array.from({ length: 257 }, () => 'a') },
    { args: ['a'.repeat(5000)] },
    { limits: { ...good.limits, inodes: 0 } },
    { limits: { ...good.limits, memoryBytes: 2 ** 33 } },
    { price: 0n },
    { baseMsat: 0n },
    { baseMsat: 2n },
    { firstInstallmentMsat: 0n },
    { firstInstallmentMsat: 2n },
    { startBy: 0 },
    { startBy: 10 ** 9 },
    { buyer: { ...party(1), lightning: null } },
    { provider: { ...party(2), lightning: noPoint() } },
    { provider: { ...party(2), device: party(1).device } }
  ]
  for (const change of bad) assert.ok(faultOfJob({ ...good, ...change }), Object.keys(change).join())
})
