import { oneLine } from '../../contracts/text.js'
import { BushelError } from '../../contracts/errors/error.js'

/** The words that this node declines with. A peer may send others. */
export type DeclineWord =
  | 'AUDIT'
  | 'CLOCK'
  | 'COUNTER'
  | 'CREDIT'
  | 'EGRESS'
  | 'ENDED'
  | 'EXPIRED'
  | 'FOLLOWS'
  | 'FUEL'
  | 'IDENTITY'
  | 'INCOMPLETE'
  | 'INVOICE'
  | 'LIGHTNING'
  | 'NETWORK'
  | 'NOTHING_DUE'
  | 'NOT_ACTIVE'
  | 'NOT_ISOLATED'
  | 'NOT_PAID'
  | 'NOT_RECEIVED'
  | 'NOT_SERVED'
  | 'NOTICE'
  | 'NO_AGREEMENT'
  | 'NO_BLOCK'
  | 'NO_CAPACITY'
  | 'NO_DEBT'
  | 'NO_INBOUND'
  | 'NO_LIST'
  | 'NO_QUOTE'
  | 'NO_RESULT'
  | 'NO_SEAL'
  | 'OFFER_GONE'
  | 'PARTIES'
  | 'PRICE'
  | 'RESOURCE'
  | 'ROUNDS'
  | 'SEAL'
  | 'SIGNATURE'
  | 'SIZE'
  | 'TAKEOVER'
  | 'TAKEN_OVER'
  | 'INSTALLMENT_REFUSED'
  | 'TERMS'
  | 'TICKET'
  | 'TIME'
  | 'VERSION'

/** Our decline of a peer's request, with a stable word and a reason. It is never kept: the same request may succeed later. */
export class DeclineError extends Error {
  readonly word: DeclineWord

  constructor(word: DeclineWord, reason: string) {
    super(reason)
    this.name = 'Decline'
    this.word = word
  }
}

const MAX_WORD = 32
const MAX_REASON = 200

/**
 * A peer's decline of our request. Its code is always DECLINED, so that no peer can send one of our own codes; the peer's
 * word is a field beside it. Word and reason come from a stranger: they are cut to one printable line.
 */
export class Declined extends BushelError {
  readonly word: string

  constructor(peer: string, word: string, reason: string) {
    const text = oneLine(reason, MAX_REASON) || oneLine(word, MAX_WORD)
    super('DECLINED', `${peer} declined: ${text}`)
    this.name = 'Declined'
    this.word = /^[A-Z_]+$/.test(word) && word.length <= MAX_WORD ? word : ''
  }
}

/** True for a peer's decline with one of these words; for any decline when no word is given. */
export function isDeclined(error: unknown, ...words: DeclineWord[]): error is Declined {
  return error instanceof Declined && (words.length === 0 || (words as string[]).includes(error.word))
}

/** For `catch`: a peer's decline is its answer, and anything else is thrown on. */
export function unlessDeclined(error: unknown): void {
  if (!isDeclined(error)) throw error
}
