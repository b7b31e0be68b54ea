import { BushelError, EXIT } from '../../contracts/errors/error.js'
import type { GateVerdict } from './relay/gate.js'

/** Refusals that are the record's own fault: the same record will never be taken. */
const BAD_RECORD = new Set([
  'MALFORMED',
  'OVERSIZED',
  'OTHER_MARKET',
  'OUT_OF_BOUNDS',
  'FORGED',
  'EXPIRED',
  'OLD_REVISION'
])

const HINTS: Record<string, string> = {
  OLD_STAMP: 'stamp it again and hand it in at once',
  STAMP: 'stamp it again and hand it in at once',
  NOT_YET: 'check the clock of this machine',
  QUOTA: 'withdraw an order first, or wait until one is over',
  FULL: 'wait until orders are over, or use another market',
  BANNED: 'ask the founder of the market',
  OLD_REVISION: 'publish a higher revision'
}

/** A relay's verdict as the person who published meets it. What a relay says of the reason is a peer's text: cut and cleaned. */
export function refusal({ code, reason }: GateVerdict): BushelError {
  const word = /^[A-Z_]{1,32}$/.test(code) ? code : 'REFUSED'
  const text = reason.replace(/[^\x20-\x7e]/g, '?').slice(0, 160)
  return new BushelError({
    code: word,
    exit: BAD_RECORD.has(word) ? EXIT.badInput : EXIT.failed,
    message: `the market refused the order: ${text || word}`,
    hint: HINTS[word] ?? ''
  })
}
