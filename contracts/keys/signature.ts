import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import { hashOf } from '../schema/codec.js'
import type { StructName, StructOf } from '../schema/codec.js'

/** Signs a struct: an Ed25519 signature, 64 bytes, over the struct's domain-separated hash. */
export function sign<N extends StructName>(name: N, value: StructOf<N>, device: KeyPair): Buffer {
  return crypto.sign(hashOf(name, value), device.secretKey)
}

/** True when `device` made this signature over the struct. */
export function verify<N extends StructName>(
  name: N,
  value: StructOf<N>,
  signature: Buffer,
  device: Buffer
): boolean {
  return crypto.verify(hashOf(name, value), signature, device)
}
