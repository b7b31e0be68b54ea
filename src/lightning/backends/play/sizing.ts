/** What a channel of a given size can carry, in satoshis: pure arithmetic. */

/** Smallest channel that is opened where the grant allows it. */
const USUAL_SAT = 200_000n
/** LDK: each side keeps back 1 %, and at least 1,000 sat. Below it a side cannot pay at all. */
const RESERVE_DIVISOR = 100n
const LEAST_RESERVE_SAT = 1_000n
/** Kept free for the fees of the commitment transaction with some 32 payments in flight. */
const FEES_SAT = 6_000n

/** Kept free in a channel when asking whether it can carry more. */
export const SPARE_MSAT = 3_000_000n

export function reserveSat(valueSat: bigint): bigint {
  const share = (valueSat + RESERVE_DIVISOR - 1n) / RESERVE_DIVISOR
  return share > LEAST_RESERVE_SAT ? share : LEAST_RESERVE_SAT
}

/** What is given to the other side at once: twice its reserve, so that it can pay from the start. */
export function pushSat(valueSat: bigint): bigint {
  return 2n * reserveSat(valueSat)
}

/** What the opener of a channel can pay over it. */
function payableSat(valueSat: bigint): bigint {
  return valueSat - pushSat(valueSat) - reserveSat(valueSat) - FEES_SAT
}

/** The smallest channel over which its opener can pay so much. */
export function leastValueSat(needSat: bigint): bigint {
  // Of each 100 sat 3 are bound by push and reserve; the loop mends the rounding and the least reserve.
  let value = ((needSat + FEES_SAT) * 100n) / 97n
  while (payableSat(value) < needSat) value += needSat - payableSat(value)
  return value
}

/** Size of the channel to open for a need, or null when what is left of the grant is too little for it. */
export function channelValueSat(needMsat: bigint, grantMsat: bigint): bigint | null {
  const needSat = (needMsat + 999n) / 1000n
  const leftSat = grantMsat / 1000n
  const ample = leastValueSat(2n * needSat)
  const wanted = ample > USUAL_SAT ? ample : USUAL_SAT
  if (wanted <= leftSat) return wanted
  return leastValueSat(needSat) <= leftSat ? leftSat : null
}
