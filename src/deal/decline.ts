import { BushelError, EXIT } from '../../contracts/errors/error.js'
import type { Exit } from '../../contracts/errors/error.js'

/** A peer's "no", with its stable word and reason. It is an answer like any other: kept, and given again. */
export class DeclineError extends Error {
  readonly code: string

  constructor(code: string, reason: string) {
    super(reason)
    this.name = 'Decline'
    this.code = code
  }
}

const EXITS: Record<string, Exit> = {
  NO_CAPACITY: EXIT.noOffer,
  PRICE_CHANGED: EXIT.noOffer,
  OFFER_GONE: EXIT.noOffer,
  EXPIRED: EXIT.noOffer,
  NETWORK: EXIT.payment
}

/** What a peer's decline is to the user. Its words are a stranger's: cut to one line. */
export function declined(peer: string, code: string, reason: string): BushelError {
  const word = /^[A-Z_]{1,32}$/.test(code) ? code : 'DECLINED'
  const text = reason.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ').slice(0, 200)
  return new BushelError({
    code: word,
    exit: EXITS[word] ?? EXIT.failed,
    message: `${peer} declined: ${text}`
  })
}
