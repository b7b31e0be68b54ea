import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey, parseKey } from '../../../contracts/keys/key.js'
import { read } from '../../daemon/access.js'
import type { Invocation } from '../invocation.js'

/** The number of characters of an id that tables show. */
const SHORTEST = 8
const Z32 = /^[ybndrfg8ejkmcpqxot1uwisza345h769]+$/

/**
 * Resolves an id that was typed in full or by its first characters, which are looked up among the ids of `known`. Throws
 * BAD_KEY when no id or several ids begin with them; without a running node, only full ids are accepted.
 */
export async function resolveId(text: string, what: string, known: () => Promise<string[]>): Promise<string> {
  if (text.length < SHORTEST || text.length >= 52 || !Z32.test(text)) return formatKey(parseKey(text, what))
  let ids: string[]
  try {
    ids = await known()
  } catch (error) {
    if (!(error instanceof BushelError) || error.code !== 'NOT_RUNNING') throw error
    ids = [] // without a running node there is no list to look in
  }
  const found = ids.filter(id => id.startsWith(text))
  if (found.length === 1) return found[0]!
  throw new BushelError(
    'BAD_KEY',
    found.length > 1
      ? `'${text}' is the beginning of ${found.length} ids`
      : `'${text}' is not the beginning of any ${what}`,
    `give the full ${what}, 52 characters of z32`
  )
}

/** The id of a lease of this home, as `resolveId` resolves it. */
export async function leaseId({ access, context }: Invocation, typed: string): Promise<string> {
  const ids = async (): Promise<string[]> =>
    (await read(access, 'leases', context)).leases.map(({ id }) => id)
  return await resolveId(typed, 'lease id', ids)
}
