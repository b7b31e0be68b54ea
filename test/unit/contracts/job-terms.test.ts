import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JobResult, JobStatement, JobTerms } from '#spec'
import {
  BLOB_BLOCK_BYTES,
  MAX_BLOB_BYTES,
  MAX_MODULE_BYTES,
  MAX_REASON,
  TFUEL,
  commitmentOf,
  faultOfJob,
  faultOfStatement,
  finalMsat,
  jobSegments,
  jobCost,
  jobId,
  jobMemory,
  keyCommitmentOf,
  mostFuel,
  resultHash,
  sameResult,
  segmentsMsat
} from '../../../contracts/job.js'
import { verify } from '../../../contracts/keys/signature.js'
import { MAX_MSAT, SAT } from '../../../contracts/money/money.js'
import { GIB, MIB } from '../../../contracts/money/quantity.js'
import { MAX_ARGS } from '../../../contracts/schema/counts.js'
import { MAX_CLOCK_SKEW, START_WITHIN } from '../../../contracts/terms.js'
import { jobEvidence } from '../../samples/evidence/job-evidence.js'
import { lightningId, noPoint, twoPeople } from '../../samples/people.js'

const blob = { key: Buffer.alloc(32, 1), length: 1, byteLength: 10, sha256: Buffer.alloc(32, 2) }
const blobOf = (byteLength: number): JobTerms['input'] => ({
  ...blob,
  byteLength,
  length: Math.ceil(byteLength / BLOB_BLOCK_BYTES)
})
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
  maxMsat: 1_000n,
  countersignBy: 1,
  startBy: 2
}

test('terms at the bounds may be signed', () => {
  const ends: Partial<JobTerms>[] = [
    {},
    { isolation: 'process' },
    { module: blobOf(MAX_MODULE_BYTES), input: blobOf(MAX_BLOB_BYTES) },
    { input: blobOf(0) },
    { input: blobOf(BLOB_BLOCK_BYTES) },
    { args: [] },
    { args: Array<string>(MAX_ARGS).fill('a') },
    { args: ['a'.repeat(4095)] },
    { limits: { ...good.limits, outputBytes: MAX_BLOB_BYTES, memoryBytes: 4 * GIB } },
    { price: MAX_MSAT, maxMsat: MAX_MSAT, baseMsat: MAX_MSAT },
    { firstInstallmentMsat: 7n, maxInstallmentMsat: 7n },
    { startBy: good.countersignBy },
    { startBy: good.countersignBy + START_WITHIN + MAX_CLOCK_SKEW }
  ]
  for (const change of ends)
    assert.equal(faultOfJob({ ...good, ...change }), null, Object.keys(change).join())
})

test('terms that must not be signed have their fault named', () => {
  const sizes = /size of its module or its input/
  const bad: [Partial<JobTerms>, RegExp][] = [
    [{ version: 2 }, /version 2/],
    [{ isolation: 'none' }, /isolation/],
    [{ module: { ...blob, length: 2 } }, sizes],
    [{ module: { ...blob, length: 0 } }, sizes],
    [{ module: blobOf(MAX_MODULE_BYTES + 1) }, sizes],
    [{ input: { ...blob, length: 2 } }, sizes],
    [{ input: blobOf(MAX_BLOB_BYTES + 1) }, sizes],
    [{ args: ['program', 'a\0b'] }, /NUL/],
    [{ args: Array<string>(MAX_ARGS + 1).fill('a') }, /arguments/],
    [{ args: ['a'.repeat(4096)] }, /arguments/],
    [{ args: ['a'.repeat(2047), 'a'.repeat(2048)] }, /arguments/],
    [{ args: ['é'.repeat(2048)] }, /arguments/],
    [{ limits: { ...good.limits, inodes: 0 } }, /one of its limits/],
    [{ limits: { ...good.limits, memoryBytes: 4 * GIB + 1 } }, /limits are out of bounds/],
    [{ limits: { ...good.limits, outputBytes: MAX_BLOB_BYTES + 1 } }, /limits are out of bounds/],
    [{ price: 0n }, /price/],
    [{ price: MAX_MSAT + 1n }, /price/],
    [{ baseMsat: 0n }, /amounts/],
    [{ baseMsat: 1_001n }, /amounts/],
    [{ maxMsat: 999n }, /amounts/],
    [{ leastMsat: 999n }, /least payment/],
    [{ leastMsat: 1_000_001n, maxMsat: 2_000_000n }, /least payment/],
    [{ leastMsat: 1_001n }, /amounts/],
    [{ maxMsat: MAX_MSAT + 1n }, /amounts/],
    [{ firstInstallmentMsat: 0n }, /installments/],
    [{ firstInstallmentMsat: 2n }, /installments/],
    [{ startBy: 0 }, /before its latest countersignature/],
    [{ startBy: good.countersignBy + START_WITHIN + MAX_CLOCK_SKEW + 1 }, /too long after/],
    [{ buyer: { ...party(1), lightning: null } }, /Lightning/],
    [{ provider: { ...party(2), lightning: noPoint() } }, /Lightning/],
    [{ provider: { ...party(2), device: party(1).device } }, /one device/]
  ]
  for (const [change, fault] of bad)
    assert.match(faultOfJob({ ...good, ...change }) ?? 'none', fault, Object.keys(change).join())
})

test('a job takes the memory of its program, its files and the process around it', () => {
  const limits = { ...good.limits, memoryBytes: 1000, stdoutBytes: 20, stderrBytes: 3, outputBytes: 500 }
  const terms = { module: blobOf(70_000), input: blobOf(8_000_000), limits }
  assert.equal(jobMemory(terms), 64 * MIB + 70_000 + 8_000_000 + 1000 + 20 + 3 + 500)
})

const [buyer, provider] = await twoPeople()
const { agree, statement: signed } = await jobEvidence(buyer, provider)
const { terms } = agree
const honest = signed!.statement

test('a statement is checked against the terms and what was paid', () => {
  assert.equal(faultOfStatement(honest, terms, 1), null)
  const { result, output } = honest
  const { stdoutBytes, stderrBytes, outputBytes } = terms.limits
  // File names and encryption may add 16 MiB.
  const most = stdoutBytes + stderrBytes + outputBytes + 16 * MIB
  const fits = { ...honest, output: { ...output, ...sizesOf(most) } }
  assert.equal(faultOfStatement(fits, terms, 1), null)
  for (const [status, limit] of [
    ['trap', ''],
    ['limit', 'wall'],
    ['rejected', '']
  ]) {
    const ended = { ...result, status: status!, limit: limit!, reason: 'why', exitCode: -1 }
    assert.equal(faultOfStatement({ ...honest, result: ended }, terms, 1), null, status)
  }
  const longest = { ...result, status: 'trap', exitCode: -1, reason: 'x'.repeat(MAX_REASON) }
  assert.equal(faultOfStatement({ ...honest, result: longest }, terms, 1), null)
  const all = { ...result, fuel: mostFuel(terms) }
  const whole = { ...honest, result: all, finalMsat: terms.maxMsat - terms.baseMsat }
  const segments = jobSegments(terms).length
  const last = { ...whole, finalMsat: finalMsat(terms, all.fuel, segments - 1) }
  assert.equal(faultOfStatement(last, terms, segments - 1), null)

  const bad: [Partial<JobStatement>, RegExp][] = [
    [{ agreement: Buffer.alloc(32, 9) }, /another agreement/],
    [{ result: { ...result, status: 'fine' } }, /status/],
    [{ result: { ...longest, reason: longest.reason + 'x' } }, /reason is too long/],
    [{ result: { ...longest, reason: 'two\nlines' } }, /reason is not valid/],
    [{ result: { ...result, reason: 'why' } }, /reason is not valid/],
    [{ result: { ...result, limit: 'wall' } }, /limit does not fit/],
    [{ result: { ...longest, status: 'limit', limit: 'more' } }, /limit does not fit/],
    [{ result: { ...result, exitCode: -1 } }, /exit code/],
    [{ result: { ...result, exitCode: 2 ** 32 } }, /exit code/],
    [{ result: { ...longest, exitCode: 0 } }, /exit code/],
    [{ result: { ...all, fuel: all.fuel + 1n }, finalMsat: whole.finalMsat }, /more fuel than the agreement/],
    [{ finalMsat: honest.finalMsat + 1n }, /last payment/],
    [{ finalMsat: honest.finalMsat - 1n }, /last payment/],
    [{ output: { ...output, ...sizesOf(most + 1) } }, /larger than was agreed/],
    [{ output: { ...output, length: output.length + 1 } }, /larger than was agreed/]
  ]
  for (const [change, fault] of bad)
    assert.match(faultOfStatement({ ...honest, ...change }, terms, 1) ?? 'none', fault)
  assert.match(faultOfStatement(honest, terms, 2) ?? 'none', /paid for more fuel than it states/)
})

test('a statement bills at most the fuel of one segment that is not paid', () => {
  const { result } = honest
  const steps: JobTerms = { ...terms, price: TFUEL * SAT, baseMsat: 100_000n, firstInstallmentMsat: 10_000n, maxInstallmentMsat: 40_000n, maxMsat: 900_000n } // prettier-ignore
  const stated = (fuel: bigint, paid: number): JobStatement => ({
    ...honest,
    agreement: jobId(steps),
    result: { ...result, fuel },
    finalMsat: finalMsat(steps, fuel, paid)
  })
  assert.equal(faultOfStatement(stated(10n, 1), steps, 1), null)
  assert.match(faultOfStatement(stated(11n, 1), steps, 1) ?? 'none', /than the paid segments let it use/)
  assert.match(faultOfStatement(stated(mostFuel(steps), 1), steps, 1) ?? 'none', /the paid segments/)
  assert.equal(faultOfStatement(stated(30n, 2), steps, 2), null)
  assert.match(faultOfStatement(stated(31n, 2), steps, 2) ?? 'none', /the paid segments/)
})

test('a statement may bill exactly what the segments have paid, and not a unit of fuel less', () => {
  const { result } = honest
  const rates = {
    ...terms,
    price: TFUEL * SAT,
    baseMsat: 100_000n,
    firstInstallmentMsat: 10_000n,
    maxInstallmentMsat: 10_000n
  }
  const exact: JobTerms = { ...rates, maxMsat: 200_000n }
  const stated = (fuel: bigint): JobStatement => ({
    ...honest,
    agreement: jobId(exact),
    result: { ...result, fuel },
    finalMsat: 0n
  })
  // The base and two segments of 10 sat; a unit of fuel costs 1 sat.
  assert.equal(segmentsMsat(exact, 3), 120_000n)
  assert.equal(jobCost(exact, 20n), 120_000n)
  assert.equal(faultOfStatement(stated(20n), exact, 3), null)
  assert.match(faultOfStatement(stated(19n), exact, 3) ?? 'none', /paid for more fuel than it states/)
  assert.match(faultOfStatement(stated(21n), exact, 3) ?? 'none', /last payment/)
})

function sizesOf(byteLength: number): { byteLength: number; length: number } {
  return { byteLength, length: Math.ceil(byteLength / BLOB_BLOCK_BYTES) }
}

const others: Partial<JobResult>[] = [
  { status: 'trap' },
  { limit: 'memory' },
  { exitCode: 1 },
  { fuel: 1n },
  { tree: Buffer.alloc(32, 9) },
  { stdout: Buffer.alloc(32, 9) }
]

test('two results are the same when all that a run determines is equal', () => {
  const { result } = honest
  assert.ok(sameResult(result, { ...result, tree: Buffer.from(result.tree) }))
  assert.ok(sameResult(result, { ...result, reason: 'worded differently' }))
  for (const change of others)
    assert.ok(!sameResult(result, { ...result, ...change }), Object.keys(change)[0])
})

test('a result is shown by the checksums of its files and of its standard output', () => {
  const result = { tree: Buffer.alloc(32, 0xab), stdout: Buffer.alloc(32, 0xcd) }
  assert.equal(resultHash(result), 'ab'.repeat(32) + 'cd'.repeat(32))
})

test('a commitment fits one agreement, one result and one salt', () => {
  const { result } = honest
  const [id, salt, key] = [jobId(terms), Buffer.alloc(32, 7), Buffer.alloc(32, 8)]
  const other = Buffer.alloc(32, 99)
  const commitments = [
    commitmentOf(id, result, salt),
    commitmentOf(other, result, salt),
    commitmentOf(id, result, other),
    ...others.map(change => commitmentOf(id, { ...result, ...change }, salt)),
    keyCommitmentOf(id, key, salt),
    keyCommitmentOf(other, key, salt),
    keyCommitmentOf(id, other, salt),
    keyCommitmentOf(id, key, other),
    keyCommitmentOf(id, salt, key)
  ].map(hash => hash.toString('hex'))
  assert.equal(new Set(commitments).size, commitments.length)
  assert.deepEqual(commitmentOf(id, { ...result }, salt), commitmentOf(id, result, salt))
})

test('an agreement holds only with the signature of its buyer over its terms', () => {
  const holds = ({ terms, signature }: typeof agree): boolean =>
    verify('job-terms', terms, signature, terms.buyer.device)
  assert.ok(holds(agree))
  assert.ok(!holds({ ...agree, terms: { ...terms, price: terms.price + 1n } }))
  assert.ok(!holds({ ...agree, signature: signed!.signature }))
})
