import id from 'hypercore-id-encoding'
import { BushelError } from '../errors/error.js'

/** Formats 32 bytes as 52 characters of z32. */
export function formatKey(key: Buffer): string {
  return id.encode(key)
}

/** Parses 32 bytes in z32 or hex. Throws BAD_KEY; `what` names the kind of key in the message. */
export function parseKey(text: string, what = 'key'): Buffer {
  try {
    return Buffer.from(id.decode(text))
  } catch (error) {
    throw new BushelError(
      'BAD_KEY',
      `'${text}' is not ${/^[aeiou]/.test(what) ? 'an' : 'a'} ${what}`,
      'a key or id has 52 characters of z32'
    ).withCause(error)
  }
}

/** The first eight characters of a key or id, as tables and messages show it. */
export function shortKey(key: Buffer): string {
  return formatKey(key).slice(0, 8)
}
