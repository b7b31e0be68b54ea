import type { InstallmentList, Terms } from '#spec'
import { hashOf } from './schema/codec.js'
import { MAX_CORES, STRIP_LENGTH } from './schema/counts.js'
import { MAX_MSAT } from './money/money.js'
import { isNodeId } from './keys/node-id.js'
import { chargeOf, planInstallments } from './money/installments.js'
import { DAY } from './money/quantity.js'

export const PROTOCOL_VERSION = 1
/** Largest block that a shelf keeps. */
export const MAX_BLOCK_BYTES = 1 << 20
/** How far two clocks may stand apart for a deal. */
export const MAX_CLOCK_SKEW = 2 * 60_000
/** The least time that paid goods are kept after what was paid has run out. */
export const MIN_GRACE = 7 * DAY
/** The first payment must have settled so long after the countersignature at the latest: till then space is reserved. */
export const START_WITHIN = 30 * 60_000

/** An agreement's id: the hash of its canonical terms, without signatures. */
export function agreementId(terms: Terms): Buffer {
  return hashOf('terms', terms)
}

/** What is wrong with terms whoever they are between, or null. */
export function faultOf(terms: Terms): string | null {
  if (terms.version !== PROTOCOL_VERSION) return `version ${terms.version} is not ${PROTOCOL_VERSION}`
  if (terms.cores.length === 0 || terms.cores.length > MAX_CORES)
    return `it names ${terms.cores.length} cores`
  if (new Set(terms.cores.map(core => core.key.toString('hex'))).size !== terms.cores.length) {
    return 'it names a core twice'
  }
  for (const core of terms.cores) {
    if (core.length <= 0 || core.byteLength <= 0) return 'it names an empty core'
    if (core.byteLength > core.length * MAX_BLOCK_BYTES) return 'its blocks are larger than 1 MiB'
  }
  if (terms.price <= 0n || terms.price > MAX_MSAT) return 'its price is out of bounds'
  if (terms.minChargeMsat < 1n || terms.minChargeMsat > MAX_MSAT) return 'its minimum charge is out of bounds'
  if (terms.firstInstallmentMsat < 1n || terms.maxInstallmentMsat < terms.firstInstallmentMsat)
    return 'its installments are out of bounds'
  if (terms.time <= 0 || terms.time > 100 * 365 * DAY) return 'its time is out of bounds'
  if (chargeOf(terms) > MAX_MSAT) return 'its charge is more than there is'
  if (terms.startBy < terms.countersignBy) return 'it starts before it is signed'
  if (terms.startBy - terms.countersignBy > START_WITHIN) return 'it may start too late'
  if (!isNodeId(terms.buyer.lightning) || !isNodeId(terms.provider.lightning))
    return 'a party has no Lightning node'
  if (terms.buyer.device.equals(terms.provider.device)) return 'both parties are one device'
  return null
}

/** What is wrong with a list of installments for these terms, which must begin at installment `from`; or null. */
export function faultOfList(list: InstallmentList, terms: Terms, from: number): string | null {
  if (!list.agreement.equals(agreementId(terms))) return 'it is for another agreement'
  const installments = planInstallments(terms)
  const expected = installments.slice(from, from + STRIP_LENGTH)
  if (list.installments.length !== expected.length)
    return `it lists ${list.installments.length} installments, not ${expected.length}`
  const hashes = new Set<string>()
  for (const [i, listed] of list.installments.entries()) {
    const installment = expected[i]!
    if (listed.installment !== installment.number)
      return `installment ${i} is for installment ${listed.installment}, not ${installment.number}`
    if (listed.msat !== installment.msat)
      return `installment ${installment.number} is ${listed.msat} msat, not ${installment.msat}`
    hashes.add(listed.hash.toString('hex'))
  }
  if (hashes.size !== list.installments.length) return 'it lists a hash twice'
  return null
}

/** What stands in the description of an invoice, so that it can be paid for nothing else. */
export function invoiceDescription(agreement: Buffer, installment: number): string {
  return `bushel/1 ${agreement.toString('hex')} ${installment}`
}
