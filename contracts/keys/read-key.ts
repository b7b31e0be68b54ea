import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import { domain } from '../schema/codec.js'

/** In place of a read key in terms: anyone who knows the cores' keys may read. */
export const PUBLIC_READ = Buffer.alloc(32)

/** The key pair that proves the knowledge of a link. Its public half stands in the terms of a lease. */
export function readKeyPair(encryptionKey: Buffer): KeyPair {
  return crypto.keyPair(crypto.hash([domain('read-key'), encryptionKey]))
}

/** One connection, as both of its ends see it. */
export interface ReadConnection {
  /** Of the Noise handshake, which is different for each connection. */
  handshakeHash: Buffer
  reader: Buffer
  provider: Buffer
  /** Whether the reader has opened the connection. */
  isInitiator: boolean
}

/** What a reader signs, anew for each connection: a proof is of no use to a relay, on another connection, or backwards. */
function statementOf(
  { handshakeHash, reader, provider, isInitiator }: ReadConnection,
  readKey: Buffer
): Buffer {
  const role = Buffer.from([isInitiator ? 1 : 0])
  return crypto.hash([domain('read-proof'), handshakeHash, role, reader, provider, readKey])
}

export function signRead(connection: ReadConnection, { publicKey, secretKey }: KeyPair): Buffer {
  return crypto.sign(statementOf(connection, publicKey), secretKey)
}

export function verifyRead(connection: ReadConnection, readKey: Buffer, signature: Buffer): boolean {
  return crypto.verify(statementOf(connection, readKey), signature, readKey)
}
