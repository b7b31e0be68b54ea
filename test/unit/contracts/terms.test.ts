import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InstallmentList, Terms } from '#spec'
import { MAX_MSAT } from '../../../contracts/money/money.js'
import { DAY, HOUR } from '../../../contracts/money/quantity.js'
import { planInstallments } from '../../../contracts/money/installments.js'
import { MAX_CORES, STRIP_LENGTH } from '../../../contracts/schema/counts.js'
import {
  MAX_BLOCK_BYTES,
  START_WITHIN,
  agreementId,
  faultOf,
  faultOfList,
  invoiceDescription
} from '../../../contracts/terms.js'
import { leaseTerms } from '../../samples/evidence/parties.js'
import { lightningId, noPoint } from '../../samples/people.js'

const NOW = 1_800_000_000_000
const key = (n: number): Buffer => Buffer.alloc(32, n)
const party = (n: number): Terms['buyer'] => ({
  identity: key(n),
  device: key(n + 1),
  lightning: lightningId(n)
})

const terms = (given: Partial<Terms> = {}): Terms =>
  leaseTerms({
    buyer: party(10),
    provider: party(20),
    cores: [
      { key: key(4), length: 10, byteLength: 10_000 },
      { key: key(5), length: 4000, byteLength: 1_000_000_000 }
    ],
    price: 120_000n * 1024n,
    time: 365 * DAY,
    firstInstallmentMsat: 5_000n,
    maxInstallmentMsat: 10_000n,
    countersignBy: NOW,
    startBy: NOW + START_WITHIN,
    ...given
  })

test('sensible terms have no fault', () => {
  assert.equal(faultOf(terms()), null)
  assert.equal(faultOf(terms({ cores: [{ key: key(4), length: 1, byteLength: MAX_BLOCK_BYTES }] })), null)
})

test('every fault in terms is found', () => {
  const core = { key: key(4), length: 1, byteLength: 1 }
  const cases: Partial<Terms>[] = [
    { version: 2 },
    { cores: [] },
    { cores: Array.from({ length: MAX_CORES + 1 }, (_, i) => ({ ...core, key: key(i) })) },
    { cores: [core, { ...core, byteLength: 2 }] },
    { cores: [{ ...core, length: 0 }] },
    { cores: [{ ...core, byteLength: 0 }] },
    { cores: [{ ...core, byteLength: MAX_BLOCK_BYTES + 1 }] },
    { price: 0n },
    { price: MAX_MSAT + 1n },
    {
      cores: [{ key: key(4), length: Number.MAX_SAFE_INTEGER, byteLength: Number.MAX_SAFE_INTEGER }],
      price: 10n ** 15n
    },
    { minChargeMsat: 0n },
    { minChargeMsat: MAX_MSAT + 1n },
    { firstInstallmentMsat: 0n },
    { maxInstallmentMsat: 4_999n },
    { time: 0 },
    { time: 100 * 365 * DAY + 1 },
    { startBy: NOW - 1 },
    { startBy: NOW + START_WITHIN + 1 },
    { buyer: { ...party(10), lightning: null } },
    { provider: { ...party(20), lightning: Buffer.alloc(32) } },
    { buyer: { ...party(10), lightning: noPoint() } },
    { provider: { ...party(20), lightning: noPoint() } },
    { buyer: { ...party(10), device: party(20).device } }
  ]
  for (const [i, given] of cases.entries()) {
    assert.equal(typeof faultOf(terms(given)), 'string', `case ${i}: ${Object.keys(given).join()}`)
  }
})

test('an agreement id changes with every field of its terms', () => {
  const ids = new Set<string>()
  const others: Partial<Terms>[] = [
    {},
    { nonce: key(9) },
    { market: key(9) },
    { ask: key(9) },
    { network: 'bitcoin' },
    { buyer: party(11) },
    { provider: party(21) },
    { cores: terms().cores.slice(1) },
    { cores: terms().cores.toReversed() },
    { price: 1n },
    { time: HOUR },
    { firstInstallmentMsat: 1n },
    { maxInstallmentMsat: 99_000n },
    { minChargeMsat: 2n },
    { countersignBy: NOW + 1 },
    { startBy: NOW + 1 },
    { grace: 8 * DAY },
    { egressBytes: 1 }
  ]
  for (const other of others) ids.add(agreementId(terms(other)).toString('hex'))
  assert.equal(ids.size, others.length)
})

test('a list of installments follows the schedule from its first index', () => {
  const given = terms()
  const installments = planInstallments(given)
  assert.ok(installments.length > 2 * STRIP_LENGTH, `${installments.length} installments`)
  const list = (
    from: number,
    change: (
      installments: InstallmentList['installments']
    ) => InstallmentList['installments'] = installments => installments
  ): InstallmentList => ({
    agreement: agreementId(given),
    installments: change(
      installments.slice(from, from + STRIP_LENGTH).map(({ number, msat }) => ({
        installment: number,
        issue: 0,
        hash: Buffer.alloc(32, number + 1),
        msat
      }))
    )
  })
  assert.equal(faultOfList(list(0), given, 0), null)
  assert.equal(faultOfList(list(STRIP_LENGTH), given, STRIP_LENGTH), null)

  const last = Math.floor((installments.length - 1) / STRIP_LENGTH) * STRIP_LENGTH
  assert.equal(faultOfList(list(last), given, last), null)
  const cases: [InstallmentList, number][] = [
    [list(0), STRIP_LENGTH],
    [list(STRIP_LENGTH), 0],
    [{ ...list(0), agreement: key(1) }, 0],
    [list(0, installments => installments.slice(1)), 0],
    [list(0, installments => [...installments, installments[0]!]), 0],
    [list(0, () => []), 0],
    [
      list(0, installments =>
        installments.with(3, { ...installments[3]!, msat: installments[3]!.msat + 1n })
      ),
      0
    ],
    [
      list(0, installments =>
        installments.with(3, { ...installments[3]!, msat: installments[3]!.msat - 1n })
      ),
      0
    ],
    [list(0, installments => installments.with(3, { ...installments[3]!, installment: 4 })), 0],
    [list(0, installments => installments.with(3, { ...installments[3]!, hash: installments[4]!.hash })), 0],
    [list(0, installments => installments.toReversed()), 0]
  ]
  for (const [i, [bad, from]] of cases.entries())
    assert.equal(typeof faultOfList(bad, given, from), 'string', `case ${i}`)
})

test('an invoice description names what it pays, and no other payment has the same', () => {
  assert.equal(invoiceDescription(key(255), 12), `bushel/1 ${'ff'.repeat(32)} 12`)
})
