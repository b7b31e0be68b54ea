import c from 'compact-encoding'
import crypto from 'hypercore-crypto'
import { getEncoding } from '#spec'
import type { Structs } from '#spec'
import { BushelError } from '../errors/error.js'

export type StructName = keyof Structs extends `@bushel/${infer Name}` ? Name : never
export type StructOf<N extends StructName> = Structs[`@bushel/${N}`]

/** What a peer may send at most in one message, unless its own rule says less. */
export const MAX_MESSAGE_BYTES = 1 << 20

/** Canonical bytes of a record or message. */
export function encode<N extends StructName>(name: N, value: StructOf<N>): Buffer {
  return Buffer.from(c.encode(getEncoding(`@bushel/${name}`) as never, value as never))
}

/**
 * Decodes hostile bytes: refuses more than `maxBytes`, trailing bytes and any encoding but the canonical one.
 * Throws BushelError MALFORMED, and nothing else.
 */
export function decode<N extends StructName>(
  name: N,
  bytes: Buffer | null | undefined,
  maxBytes = MAX_MESSAGE_BYTES
): StructOf<N> {
  if (!bytes) throw malformed(name, 'it is empty')
  if (bytes.byteLength > maxBytes) throw malformed(name, `${bytes.byteLength} bytes, more than ${maxBytes}`)
  let value: StructOf<N>
  let again: Buffer
  try {
    value = c.decode(getEncoding(`@bushel/${name}`) as never, bytes) as StructOf<N>
    again = encode(name, value)
  } catch (error) {
    throw malformed(name, error instanceof Error ? error.message : String(error))
  }
  if (!again.equals(bytes)) throw malformed(name, 'it is not in canonical form')
  return value
}

function malformed(name: string, why: string): BushelError {
  return new BushelError('MALFORMED', `a malformed ${name}: ${why}`)
}

/** BLAKE2b-256 of the canonical bytes, in a domain of its own for each struct. */
export function hashOf<N extends StructName>(name: N, value: StructOf<N>): Buffer {
  return crypto.hash([domain(name), encode(name, value)])
}

const domains = new Map<string, Buffer>()

/** The 32 bytes that keep the hashes and signatures of one kind of thing from passing for another's. */
export function domain(name: string): Buffer {
  let bytes = domains.get(name)
  if (!bytes) {
    bytes = crypto.namespace(`bushel/${name}`, 1)[0]!
    domains.set(name, bytes)
  }
  return bytes
}
