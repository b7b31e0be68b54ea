/** Capacity of a channel of a given size, in satoshis: pure arithmetic. */

import { least, most } from '../../../../contracts/money/money.js'

/** A channel gets a small share of the rest of the grant, so that it is enough for many nodes. */
const USUAL_SAT = 200_000n
const GRANT_SHARE = 40n
/** A further channel with the same node is as large as those before it, within this share: few are ever needed. */
const FURTHER_SHARE = 5n
/** LDK: each side keeps a reserve of 1 %, at least 1,000 sat. A side whose balance is below it cannot pay. */
const RESERVE_DIVISOR = 100n
const LEAST_RESERVE_SAT = 1_000n
/** Set aside for the fees of a commitment transaction with about 32 payments in flight. */
const FEES_SAT = 6_000n

/** Margin that must be free in a channel before it counts as able to carry a payment. */
export const SPARE_MSAT = 3_000_000n

export function reserveSat(valueSat: bigint): bigint {
  const share = (valueSat + RESERVE_DIVISOR - 1n) / RESERVE_DIVISOR
  return share > LEAST_RESERVE_SAT ? share : LEAST_RESERVE_SAT
}

/** Initial balance of the other side: twice its reserve, so that it can pay from the start. */
export function pushSat(valueSat: bigint): bigint {
  return 2n * reserveSat(valueSat)
}

/** Most that the opener of a channel can pay over it. */
function payableSat(valueSat: bigint): bigint {
  return valueSat - pushSat(valueSat) - reserveSat(valueSat) - FEES_SAT
}

/** Size of the smallest channel over which its opener can pay `needSat`. */
export function leastValueSat(needSat: bigint): bigint {
  // Push and reserve take 3 of each 100 sat; the loop corrects for rounding and the minimum reserve.
  let value = ((needSat + FEES_SAT) * 100n) / 97n
  while (payableSat(value) < needSat) value += needSat - payableSat(value)
  return value
}

/** Most that can be sent over a new channel when this much of the grant is left. */
export function newChannelMsat(grantMsat: bigint): bigint {
  const leftSat = grantMsat / 1000n
  let sat = most(payableSat(leftSat), 0n)
  while (sat > 0n && leastValueSat(sat) > leftSat) sat--
  return sat * 1000n
}

/**
 * Size of the channel to open for a payment, or null when the rest of the grant is too small. `openMsat` is the size of the
 * channels that were opened to the same node.
 */
export function channelValueSat(needMsat: bigint, grantMsat: bigint, openMsat = 0n): bigint | null {
  const needSat = (needMsat + 999n) / 1000n
  const leftSat = grantMsat / 1000n
  const ample = leastValueSat(2n * (needSat + SPARE_MSAT / 1000n))
  const further = least(openMsat / 1000n, leftSat / FURTHER_SHARE)
  const wanted = most(ample, least(USUAL_SAT, leftSat / GRANT_SHARE), further)
  if (wanted <= leftSat) return wanted
  return leastValueSat(needSat) <= leftSat ? leftSat : null
}
