import id from 'hypercore-id-encoding'
import { BushelError } from '../errors/error.js'

/** 32 bytes as 52 characters of z32. */
export function formatKey(key: Buffer): string {
  return id.encode(key)
}

/** From z32 or hex; throws bad input that names `what` the key is of. */
export function parseKey(text: string, what = 'key'): Buffer {
  try {
    return Buffer.from(id.decode(text))
  } catch (error) {
    throw new BushelError('BAD_KEY', `'${text}' is not a ${what}`, 'a key is 52 characters of z32').withCause(
      error
    )
  }
}

/** The first characters of a key, for people. */
export function shortKey(key: Buffer): string {
  return formatKey(key).slice(0, 8)
}
