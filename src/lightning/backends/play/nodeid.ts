import { ECDH } from 'node:crypto'

export const NODE_ID_BYTES = 33

/** Whether the bytes are a point on the curve: LDK ends the process on a node id that is none. */
export function isNodeId(bytes: Uint8Array): boolean {
  if (bytes.length !== NODE_ID_BYTES) return false
  try {
    ECDH.convertKey(bytes, 'secp256k1', undefined, undefined, 'compressed')
    return true
  } catch {
    return false // this is how it answers
  }
}
