import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import { hashOf } from '../schema/codec.js'
import type { StructName, StructOf } from '../schema/codec.js'

/** Ed25519 signature, 64 bytes, of a device over the struct's hash in its own domain. */
export function sign<N extends StructName>(name: N, value: StructOf<N>, device: KeyPair): Buffer {
  return crypto.sign(hashOf(name, value), device.secretKey)
}

export function verify<N extends StructName>(
  name: N,
  value: StructOf<N>,
  signature: Buffer,
  device: Buffer
): boolean {
  return crypto.verify(hashOf(name, value), signature, device)
}
