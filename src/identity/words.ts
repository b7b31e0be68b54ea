import IdentityKey from 'keet-identity-key'
import { BushelError } from '../../contracts/errors/error.js'

export const WORD_COUNT = 24

export function newWords(): string {
  return IdentityKey.generateMnemonic()
}

/**
 * The identity that 24 words make. Its private key lives until `clear`, and only to attest devices.
 * Throws BAD_WORDS, which never repeats a word: errors end in logs.
 */
export async function identityFrom(words: string): Promise<IdentityKey> {
  const list = words.trim().toLowerCase().split(/\s+/)
  if (list.length !== WORD_COUNT) {
    throw badWords(`${list[0] === '' ? 'no words were' : counted(list.length)} given, not ${WORD_COUNT}`)
  }
  try {
    return await IdentityKey.from({ mnemonic: list.join(' ') })
  } catch (error) {
    throw badWords('the words do not belong together: one is misspelt or out of place').withCause(error)
  }
}

function counted(count: number): string {
  return count === 1 ? '1 word was' : `${count} words were`
}

function badWords(message: string): BushelError {
  return new BushelError('BAD_WORDS', message, 'give the 24 words in their order, with spaces between')
}
