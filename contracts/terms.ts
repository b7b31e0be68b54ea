import type { InstallmentList, Terms } from '#spec'
import { hashOf } from './schema/codec.js'
import { MAX_CORES, STRIP_LENGTH } from './schema/counts.js'
import { MAX_MSAT, faultOfLeast } from './money/money.js'
import { isNodeId } from './keys/node-id.js'
import { chargeOf, planInstallments } from './money/installments.js'
import { DAY } from './money/quantity.js'

export const PROTOCOL_VERSION = 1
/** Size of the largest block that a shelf stores. */
export const MAX_BLOCK_BYTES = 1 << 20
/** The largest difference between the clocks of buyer and provider, ms. */
export const MAX_CLOCK_SKEW = 2 * 60_000
/** The longest time for which a ticket for a repair is good, ms. */
export const TICKET_TIME = 7 * DAY
/** The first payment must settle within this time after the countersignature, ms; space stays reserved until then. */
export const START_WITHIN = 30 * 60_000

/** The id of a lease's agreement: the hash of its canonical terms, without signatures. */
export function agreementId(terms: Terms): Buffer {
  return hashOf('terms', terms)
}

/** What is wrong with the terms of a lease, independent of the two parties; null when they are valid. */
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
  if (faultOfLeast(terms)) return faultOfLeast(terms)
  if (terms.time <= 0 || terms.time > 100 * 365 * DAY) return 'its time is out of bounds'
  if (chargeOf(terms) > MAX_MSAT) return 'its charge is more than all the bitcoin there can be'
  if (terms.startBy < terms.countersignBy) return 'its latest start is before its latest countersignature'
  if (terms.startBy - terms.countersignBy > START_WITHIN)
    return 'its latest start is too long after its latest countersignature'
  if (!isNodeId(terms.buyer.lightning) || !isNodeId(terms.provider.lightning))
    return 'a party has no valid Lightning node id'
  if (terms.buyer.device.equals(terms.provider.device)) return 'both parties are one device'
  return null
}

/** What is wrong with a list of installments that must begin at installment `from`; null when it fits the terms. */
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
      return `entry ${i} is installment ${listed.installment}, not ${installment.number}`
    if (listed.msat !== installment.msat)
      return `installment ${installment.number} is ${listed.msat} msat, not ${installment.msat}`
    hashes.add(listed.hash.toString('hex'))
  }
  if (hashes.size !== list.installments.length) return 'it lists a hash twice'
  return null
}

/** The description of an installment's invoice, which ties the invoice to this installment. */
export function invoiceDescription(agreement: Buffer, installment: number): string {
  return `bushel/1 ${agreement.toString('hex')} ${installment}`
}
