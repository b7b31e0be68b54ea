import c from 'compact-encoding'
import crypto from 'hypercore-crypto'
import { getEncoding } from '#spec'
import type { Structs } from '#spec'
import { BushelError } from '../errors/error.js'

export type StructName = keyof Structs extends `@bushel/${infer Name}` ? Name : never
export type StructOf<N extends StructName> = Structs[`@bushel/${N}`]

/** Size of the largest message from a peer, bytes; some messages have a smaller limit of their own. */
export const MAX_MESSAGE_BYTES = 1 << 20

/** Encodes a record or message to its canonical bytes. */
export function encode<N extends StructName>(name: N, value: StructOf<N>): Buffer {
  const bytes = c.encode(getEncoding(`@bushel/${name}`) as never, value as never)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/**
 * Decodes untrusted bytes. Refuses more than `maxBytes`, trailing bytes and every encoding except the canonical one.
 * Throws MALFORMED and nothing else.
 */
export function decode<N extends StructName>(
  name: N,
  bytes: Buffer | null | undefined,
  maxBytes = MAX_MESSAGE_BYTES
): StructOf<N> {
  if (!bytes) throw malformed(name, 'it is empty')
  if (bytes.byteLength > maxBytes)
    throw malformed(name, `it has ${bytes.byteLength} bytes, more than ${maxBytes}`)
  let value: StructOf<N>
  let again: Buffer
  try {
    value = c.decode(getEncoding(`@bushel/${name}`) as never, bytes) as StructOf<N>
    again = encode(name, value)
  } catch (error) {
    throw malformed(name, error instanceof Error ? error.message : String(error))
  }
  if (!again.equals(bytes)) throw malformed(name, 'its encoding is not canonical')
  return value
}

/** How the bytes of one kind of message, or of a part of one, are written and read. */
export interface Codec<T> {
  encode(value: T): Buffer
  /** Throws MALFORMED and nothing else for bytes that are not a valid value. */
  decode(bytes: Buffer | null | undefined, maxBytes?: number): T
}

/** The codec of a struct of the schema. `faultOf` says what is wrong with decoded values, or null. */
export function struct<N extends StructName>(
  name: N,
  faultOf: (value: StructOf<N>) => string | null = () => null
): Codec<StructOf<N>> {
  return {
    encode: value => encode(name, value),
    decode: (bytes, maxBytes) => {
      const value = decode(name, bytes, maxBytes)
      const fault = faultOf(value)
      if (fault) throw malformed(name, fault)
      return value
    }
  }
}

/**
 * Decodes bytes that this node encoded itself and that a checksum covers, which saves the comparison with the canonical
 * encoding. Throws MALFORMED and nothing else.
 */
export function decodeOwn<N extends StructName>(name: N, bytes: Buffer): StructOf<N> {
  const state = { start: 0, end: bytes.byteLength, buffer: bytes }
  let value: StructOf<N>
  try {
    value = getEncoding(`@bushel/${name}`).decode(state as never) as StructOf<N>
  } catch (error) {
    throw malformed(name, error instanceof Error ? error.message : String(error))
  }
  if (state.start !== state.end) throw malformed(name, 'bytes follow it')
  return value
}

function malformed(name: string, why: string): BushelError {
  return new BushelError('MALFORMED', `a malformed ${name}: ${why}`)
}

/** The BLAKE2b-256 hash of the canonical bytes, separated by a domain for each struct. */
export function hashOf<N extends StructName>(name: N, value: StructOf<N>): Buffer {
  return crypto.hash([domain(name), encode(name, value)])
}

const domains = new Map<string, Buffer>()

/** The 32-byte prefix that separates the hashes and signatures of one kind of data from all others. */
export function domain(name: string): Buffer {
  let bytes = domains.get(name)
  if (!bytes) {
    bytes = crypto.namespace(`bushel/${name}`, 1)[0]!
    domains.set(name, bytes)
  }
  return bytes
}
