import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey, parseKey } from '../../../contracts/keys/key.js'

/** As many characters of an id as the tables show. */
const SHORTEST = 8
const Z32 = /^[ybndrfg8ejkmcpqxot1uwisza345h769]+$/

/**
 * An id as typed: whole, or the beginning that the tables show, looked up among `known`. What is neither is BAD_KEY;
 * so is a beginning when the list cannot be had.
 */
export async function resolveId(text: string, what: string, known: () => Promise<string[]>): Promise<string> {
  if (text.length < SHORTEST || text.length >= 52 || !Z32.test(text)) return formatKey(parseKey(text, what))
  let ids: string[]
  try {
    ids = await known()
  } catch (error) {
    if (!(error instanceof BushelError) || error.code !== 'NOT_RUNNING') throw error
    ids = [] // without a node only whole ids are known for what they are
  }
  const found = ids.filter(id => id.startsWith(text))
  if (found.length === 1) return found[0]!
  throw new BushelError(
    'BAD_KEY',
    found.length > 1
      ? `${found.length} of them begin with '${text}'`
      : `'${text}' is not the beginning of any ${what}`,
    `give the whole ${what}, 52 characters of z32`
  )
}
