import { ECDH } from 'node:crypto'
import { BushelError } from '../errors/error.js'

export const NODE_ID_BYTES = 33

/**
 * True when the bytes are a Lightning node id: a compressed point of secp256k1. Check every id from outside with this
 * before a library sees it, because LDK ends the process on an id that is not a point of the curve.
 */
export function isNodeId<T extends Uint8Array>(bytes: T | null | undefined): bytes is T {
  if (bytes?.length !== NODE_ID_BYTES) return false
  try {
    ECDH.convertKey(bytes, 'secp256k1', undefined, undefined, 'compressed')
    return true
  } catch {
    return false // OpenSSL reports a point that is not on the curve by throwing
  }
}

/** Throws NO_ROUTE, which blames nobody, for bytes from a peer that are not a Lightning node id. */
export function demandNodeId(bytes: Uint8Array): void {
  if (!isNodeId(bytes)) throw new BushelError('NO_ROUTE', 'the Lightning node id is invalid')
}
