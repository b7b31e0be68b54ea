import assert from 'node:assert/strict'
import { basename } from 'node:path'
import test from 'node:test'
import { assertGone, start } from '../world/demo.js'
import { checksum, look } from '../samples/tree.js'

test('the demo runs on an input of the user', { timeout: 240_000 }, async t => {
  const { demo, folder, input } = await start(t, ['--path', 'input', '--json'])
  const { code } = await demo.ended
  const lines = demo.stdout.trim().split('\n')
  assert.equal(lines.length, 1)
  const result = JSON.parse(lines[0]!) as Record<string, unknown>
  assert.equal(code, 0, lines[0])
  const before = await look(input)
  const sum = checksum(before)
  const { ok, path, files, bytes, copies, sourceSha256, restoredSha256, receipts } = result
  assert.deepEqual(
    { ok, path: basename(String(path)), files, bytes, copies, sourceSha256, restoredSha256 },
    { ok: true, path: 'input', files: 2, bytes: 100_001, copies: 2, sourceSha256: sum, restoredSha256: sum }
  )
  const providers = result['providers'] as {
    device: string
    price: string
    paidMsat: string
    payments: number
    state: string
    refundedMsat: string
  }[]
  assert.equal(new Set(providers.map(provider => provider.device)).size, 3)
  assert.deepEqual(providers.map(({ state }) => state).sort(), ['ENDED', 'STORED', 'STORED'])
  for (const { state, refundedMsat } of providers)
    assert.equal(BigInt(refundedMsat) > 0n, state === 'ENDED', 'who lost its copy has paid back')
  for (const { price, payments } of providers) {
    assert.ok(BigInt(price) > 0n)
    assert.ok(payments >= 6, `${payments} payments`)
  }
  const paid = providers.reduce((all, { paidMsat }) => all + BigInt(paidMsat), 0n)
  assert.equal(paid, BigInt(String(result['paidMsat'])))
  assert.equal(
    receipts,
    providers.reduce((all, { payments }) => all + payments, 0)
  )
  const books = result['books'] as Record<string, string | boolean>[]
  assert.deepEqual(
    books.map(({ who }) => who),
    ['the buyer', ...providers.map(({ device }) => device.slice(0, 8))]
  )
  for (const { ok, paidMsat, refundedMsat, consumedMsat, inFlightMsat, balanceMsat } of books) {
    const sums = [paidMsat, refundedMsat, consumedMsat, inFlightMsat, balanceMsat].map(msat =>
      BigInt(String(msat))
    )
    assert.equal(ok, true)
    assert.equal(sums[0]! - sums[1]! - sums[2]! - sums[3]!, sums[4])
    assert.ok(sums[0]! > 0n && sums[2]! > 0n)
  }
  assert.equal(books[0]!['paidMsat'], result['paidMsat'])
  assert.deepEqual(Object.keys(result['seconds'] as object).sort(), ['pack', 'restore', 'upload'])
  assertCompute(result['compute'] as ComputeResult)
  await assertGone(folder)
})

interface ComputeResult {
  ok: boolean
  hash: string
  fuel: string
  paidMsat: string
  liar: { device: string; paidMsat: string }
  evidence: { ok: boolean; agreement: string; hash: string }
}

/**
 * Two providers were paid equally, the cost of the program; the liar was paid its base and signed another
 * output.
 */
function assertCompute({ ok, hash, fuel, paidMsat, liar, evidence }: ComputeResult): void {
  assert.deepEqual([ok, evidence.ok], [true, true])
  for (const sum of [hash, evidence.hash]) assert.match(sum, /^[0-9a-f]{128}$/)
  assert.equal(evidence.hash.slice(0, 64), hash.slice(0, 64), 'the files are the same')
  assert.notEqual(evidence.hash.slice(64), hash.slice(64), 'standard output is not')
  assert.match(liar.device, /^[a-z0-9]{52}$/)
  assert.match(evidence.agreement, /^[a-z0-9]{52}$/)
  const [base, price] = [1000n, 200_000n]
  assert.equal(BigInt(liar.paidMsat), base)
  const cost = base + (BigInt(fuel) * price + 999_999_999n) / 1_000_000_000n
  assert.ok(cost > 2n * base)
  assert.equal(BigInt(paidMsat), 2n * cost + base)
}
