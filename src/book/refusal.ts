import { BushelError } from '../../contracts/errors/error.js'
import type { GateVerdict } from './relay/gate.js'

/** Codes of refusals caused by the record itself: no relay will ever accept it. */
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
  OLD_STAMP: 'publish the order again: it gets a new stamp',
  STAMP: 'publish the order again: it gets a new stamp',
  NOT_YET: 'check the clock of this machine',
  QUOTA: 'withdraw an order, or wait until one expires',
  FULL: 'wait until orders expire, or use another market',
  BANNED: 'ask the founder of the market',
  BUSY: 'try again in a while',
  REVISIONS: 'wait a while: relays take a few revisions of an order an hour',
  OLD_REVISION: 'publish a higher revision'
}

/** A relay's refusal as an error for the user. The reason is a peer's text: it is cut to one printable line. */
export function refusal({ code, reason }: GateVerdict): OrderRefusal {
  const text = reason.replace(/[^\x20-\x7e]/g, '?').slice(0, 160)
  const word = /^[A-Z_]{1,32}$/.test(code) ? code : 'REFUSED'
  return new OrderRefusal(word, `the market refused the order: ${text || word}`)
}

/** A market's refusal of an order, with a code of ours and the market's word beside it. */
export class OrderRefusal extends BushelError {
  readonly word: string

  constructor(word: string, message: string) {
    super(BAD_RECORD.has(word) ? 'BAD_ORDER' : 'ORDER_REFUSED', message, HINTS[word])
    this.name = 'OrderRefusal'
    this.word = word
  }
}
