import crypto from 'hypercore-crypto'
import z32 from 'z32'
import { domain } from '../schema/codec.js'
import { BushelError } from '../errors/error.js'

/** Anyone who has a link can find, fetch and decrypt the drive. */
export interface Link {
  /** Public key of the Hyperdrive. */
  key: Buffer
  /** Its encryption key. */
  encryptionKey: Buffer
}

const PREFIX = 'bushel://'
const BYTES = 68

/** Formats a link: `bushel://` and the z32 of both keys and of a 4-byte checksum, which detects typing errors. */
export function formatLink({ key, encryptionKey }: Link): string {
  const keys = Buffer.concat([key, encryptionKey])
  return PREFIX + z32.encode(Buffer.concat([keys, checkOf(keys)]))
}

/** Parses a link. Throws BAD_LINK, also for a wrong checksum. */
export function parseLink(text: string): Link {
  const malformed = (): BushelError =>
    new BushelError(
      'BAD_LINK',
      `'${text}' is not a valid link`,
      'a link is bushel:// followed by 109 characters; copy it again from where it was printed'
    )
  if (!text.startsWith(PREFIX)) throw malformed()
  let bytes: Buffer
  try {
    bytes = Buffer.from(z32.decode(text.slice(PREFIX.length)))
  } catch (error) {
    throw malformed().withCause(error)
  }
  if (bytes.byteLength !== BYTES || !checkOf(bytes.subarray(0, 64)).equals(bytes.subarray(64)))
    throw malformed()
  return { key: bytes.subarray(0, 32), encryptionKey: bytes.subarray(32, 64) }
}

function checkOf(keys: Buffer): Buffer {
  return crypto.hash([domain('link'), keys]).subarray(0, 4)
}
