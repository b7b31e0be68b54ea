import { ECDH } from 'node:crypto'
import { BushelError } from '../errors/error.js'

export const NODE_ID_BYTES = 33

/**
 * Whether the bytes are a Lightning node id: a compressed point of secp256k1. Every id that comes from outside is
 * checked with this before a library sees it, because LDK ends the process on one that is no point.
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

/** Throws NO_ROUTE for bytes that are no Lightning node id: a peer has named it, so it is no fault of ours. */
export function demandNodeId(bytes: Uint8Array): void {
  if (!isNodeId(bytes)) throw new BushelError('NO_ROUTE', 'this is no Lightning node id')
}
