import type { Terms } from '#spec'
import { billedBytes, ceilDiv, totalCharge, least, most } from './money.js'
import type { Msat } from './money.js'

/** One payment's worth of a lease. `start` and `end` are ms after the lease's start. */
export interface Epoch {
  number: number
  start: number
  end: number
  msat: Msat
}

export type Scheduled = Pick<
  Terms,
  'cores' | 'price' | 'time' | 'minChargeMsat' | 'sliceStartMsat' | 'sliceCapMsat'
>

/** A schedule never has more epochs than this; the cap of a slice grows with the total instead. */
export const MAX_EPOCHS = 1024

/** The whole charge of an agreement, in msat. */
export function chargeOf(terms: Scheduled): Msat {
  return totalCharge({
    bytes: billedBytes(terms.cores),
    time: terms.time,
    price: terms.price,
    minChargeMsat: terms.minChargeMsat
  })
}

/**
 * What is due when: a pure function of the terms, the same on both sides. Amounts double from `sliceStartMsat` to
 * `sliceCapMsat`; the last slice is what is left. An epoch ends where the rounded-up cumulative charge first covers the
 * amounts so far, and each amount is a difference of that one sum, so nothing is lost to rounding.
 */
export function schedule(terms: Scheduled): Epoch[] {
  const total = chargeOf(terms)
  const time = BigInt(terms.time)
  const cumulative = (at: bigint): Msat => ceilDiv(total * at, time)
  const floor = ceilDiv(total, BigInt(MAX_EPOCHS))
  const cap = most(terms.sliceCapMsat, floor, 1n)
  let slice = least(most(terms.sliceStartMsat, floor, 1n), cap)
  const epochs: Epoch[] = []
  let start = 0n
  let paid = 0n
  while (start < time) {
    let end = total - paid <= slice ? time : firstAt(paid + slice, total, time)
    if (end <= start) end = start + 1n
    if (end > time) end = time
    const msat = cumulative(end) - paid
    epochs.push({ number: epochs.length, start: Number(start), end: Number(end), msat })
    paid += msat
    start = end
    slice = least(slice * 2n, cap)
  }
  return mergeEmpty(epochs)
}

/** The first ms at which the cumulative charge is at least `target`. */
function firstAt(target: Msat, total: Msat, time: bigint): bigint {
  // ceil(total * t / time) >= target  <=>  total * t > (target - 1) * time
  return ((target - 1n) * time) / total + 1n
}

/** An epoch of no charge (a price below an msat for its length) belongs to its neighbour before. */
function mergeEmpty(epochs: Epoch[]): Epoch[] {
  const out: Epoch[] = []
  for (const epoch of epochs) {
    const last = out.at(-1)
    if (last && epoch.msat === 0n) last.end = epoch.end
    else out.push({ ...epoch, number: out.length })
  }
  return out
}
