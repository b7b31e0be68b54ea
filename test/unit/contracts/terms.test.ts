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

test('sensible terms have no fault, and neither have terms at the bounds', () => {
  const core = { key: key(4), length: 1, byteLength: 1 }
  const ends: Partial<Terms>[] = [
    {},
    { cores: [{ ...core, byteLength: MAX_BLOCK_BYTES }] },
    { cores: Array.from({ length: MAX_CORES }, (_, i) => ({ ...core, key: key(i) })) },
    { price: 1n },
    { cores: [core], time: 1, price: MAX_MSAT },
    { minChargeMsat: 1n },
    { minChargeMsat: MAX_MSAT },
    { firstInstallmentMsat: 1n },
    { maxInstallmentMsat: 5_000n },
    { time: 1 },
    { time: 100 * 365 * DAY },
    { startBy: NOW },
    { startBy: NOW + START_WITHIN }
  ]
  for (const given of ends) assert.equal(faultOf(terms(given)), null, Object.keys(given).join())
})

test('every fault in terms is named', () => {
  const core = { key: key(4), length: 1, byteLength: 1 }
  const bad: [Partial<Terms>, RegExp][] = [
    [{ version: 2 }, /version 2/],
    [{ cores: [] }, /names 0 cores/],
    [
      { cores: Array.from({ length: MAX_CORES + 1 }, (_, i) => ({ ...core, key: key(i) })) },
      /names 17 cores/
    ],
    [{ cores: [core, { ...core, byteLength: 2 }] }, /a core twice/],
    [{ cores: [{ ...core, length: 0 }] }, /empty core/],
    [{ cores: [{ ...core, byteLength: 0 }] }, /empty core/],
    [{ cores: [core, { ...core, key: key(5), byteLength: 0 }] }, /empty core/],
    [{ cores: [{ ...core, byteLength: MAX_BLOCK_BYTES + 1 }] }, /larger than 1 MiB/],
    [{ price: 0n }, /price/],
    [{ price: MAX_MSAT + 1n }, /price/],
    [
      {
        cores: [{ key: key(4), length: Number.MAX_SAFE_INTEGER, byteLength: Number.MAX_SAFE_INTEGER }],
        price: 10n ** 15n
      },
      /its charge/
    ],
    [{ minChargeMsat: 0n }, /minimum charge/],
    [{ minChargeMsat: MAX_MSAT + 1n }, /minimum charge/],
    [{ firstInstallmentMsat: 0n }, /installments/],
    [{ maxInstallmentMsat: 4_999n }, /installments/],
    [{ time: 0 }, /time is out of bounds/],
    [{ time: 100 * 365 * DAY + 1 }, /time is out of bounds/],
    [{ startBy: NOW - 1 }, /before its latest countersignature/],
    [{ startBy: NOW + START_WITHIN + 1 }, /too long after/],
    [{ buyer: { ...party(10), lightning: null } }, /Lightning/],
    [{ provider: { ...party(20), lightning: Buffer.alloc(32) } }, /Lightning/],
    [{ buyer: { ...party(10), lightning: noPoint() } }, /Lightning/],
    [{ provider: { ...party(20), lightning: noPoint() } }, /Lightning/],
    [{ buyer: { ...party(10), device: party(20).device } }, /one device/]
  ]
  for (const [i, [given, fault]] of bad.entries())
    assert.match(faultOf(terms(given)) ?? 'none', fault, `case ${i}: ${Object.keys(given).join()}`)
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
  const with3 = (change: Partial<InstallmentList['installments'][number]>): InstallmentList =>
    list(0, all => all.with(3, { ...all[3]!, ...change }))
  const third = installments[3]!.msat
  const cases: [InstallmentList, number, RegExp][] = [
    [list(0), STRIP_LENGTH, /entry 0 is installment 0, not 64/],
    [list(STRIP_LENGTH), 0, /entry 0 is installment 64, not 0/],
    [{ ...list(0), agreement: key(1) }, 0, /another agreement/],
    [list(0, all => all.slice(1)), 0, /lists 63 installments, not 64/],
    [list(0, all => [...all, all[0]!]), 0, /lists 65 installments, not 64/],
    [list(0, () => []), 0, /lists 0 installments, not 64/],
    [with3({ msat: third + 1n }), 0, new RegExp(`installment 3 is ${third + 1n} msat, not ${third}$`)],
    [with3({ msat: third - 1n }), 0, new RegExp(`installment 3 is ${third - 1n} msat, not ${third}$`)],
    [with3({ installment: 4 }), 0, /entry 3 is installment 4, not 3/],
    [with3({ hash: list(0).installments[4]!.hash }), 0, /a hash twice/],
    [list(0, all => all.toReversed()), 0, /entry 0 is installment 63, not 0/]
  ]
  for (const [bad, from, fault] of cases) assert.match(faultOfList(bad, given, from) ?? 'none', fault)
})

test('an invoice description names what it pays, and no other payment has the same', () => {
  assert.equal(invoiceDescription(key(255), 12), `bushel/1 ${'ff'.repeat(32)} 12`)
})
