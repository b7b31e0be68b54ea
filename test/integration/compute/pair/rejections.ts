import { BushelError } from '../../../../contracts/errors/error.js'
import { isDeclined } from '../../../../src/deal/decline.js'
import type { DeclineWord } from '../../../../src/deal/decline.js'

/** Accepts a BushelError of this code, for `assert.rejects`. */
export const coded = (code: string) => (error: unknown) => error instanceof BushelError && error.code === code

/** Accepts a request that the other side declined with this word, for `assert.rejects`. */
export const declinedWith = (word: DeclineWord) => (error: unknown) => isDeclined(error, word)
