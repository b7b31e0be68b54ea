import IdentityKey from 'keet-identity-key'
import { BushelError } from '../../contracts/errors/error.js'

export const WORD_COUNT = 24
const NUMBER = /^(\d+)[.):]?$/

export function newWords(): string {
  return IdentityKey.generateMnemonic()
}

/**
 * The identity key of 24 words. Its private half stays in memory until `clear` and signs nothing but attestations of
 * devices. Words are separated by white space; where each has its number before it, as `init` prints them, the numbers
 * give the order. Throws BAD_WORDS, whose message never repeats a word, because errors end up in logs.
 */
export async function identityFrom(text: string): Promise<IdentityKey> {
  const words = inOrder(tokensOf(text))
  try {
    return await IdentityKey.from({ mnemonic: words.join(' ') })
  } catch (error) {
    throw badWords('the checksum of the words is wrong: a word is misspelt or in the wrong place').withCause(
      error
    )
  }
}

/** How many words a text has; numbers do not count. */
export function countWords(text: string): number {
  return tokensOf(text).filter(token => !NUMBER.test(token)).length
}

function tokensOf(text: string): string[] {
  return text
    .toLowerCase()
    .split(/\s+/)
    .filter(token => token !== '')
}

function inOrder(tokens: readonly string[]): string[] {
  const words = tokens.filter(token => !NUMBER.test(token))
  if (words.length !== WORD_COUNT)
    throw badWords(`${words.length === 0 ? 'no words were' : counted(words.length)} given, not ${WORD_COUNT}`)
  if (words.length === tokens.length) return words
  const ordered = new Map<number, string>()
  for (let i = 0; i < tokens.length; i += 2) {
    const number = Number(NUMBER.exec(tokens[i]!)?.[1] ?? NaN)
    const word = tokens[i + 1]
    if (Number.isNaN(number) || word === undefined || NUMBER.test(word))
      throw badWords('some words have a number before them and some have none')
    if (number < 1 || number > WORD_COUNT)
      throw badWords(`a word has the number ${number}, not one from 1 to ${WORD_COUNT}`)
    if (ordered.has(number)) throw badWords(`two words have the number ${number}`)
    ordered.set(number, word)
  }
  return Array.from({ length: WORD_COUNT }, (_, i) => ordered.get(i + 1)!)
}

function counted(count: number): string {
  return count === 1 ? '1 word was' : `${count} words were`
}

function badWords(message: string): BushelError {
  return new BushelError(
    'BAD_WORDS',
    message,
    'give the 24 words in their order with spaces between them, or with their numbers as `bushel init` printed them'
  )
}
