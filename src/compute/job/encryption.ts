import { createCipheriv, createDecipheriv } from 'node:crypto'
import { inSteps } from '../../base/steps.js'

const CIPHER = 'chacha20-poly1305'
const TAG_BYTES = 16
/** A constant nonce is safe because each key encrypts one output only. */
const NONCE = Buffer.alloc(12)

/** Encrypts bytes, in parts, under a fresh 32-byte key; the last part is the authentication tag. */
export async function seal(parts: Iterable<Buffer>, key: Buffer): Promise<Buffer[]> {
  const cipher = createCipheriv(CIPHER, key, NONCE, { authTagLength: TAG_BYTES })
  const sealed: Buffer[] = []
  for await (const part of inSteps(parts)) sealed.push(cipher.update(part))
  sealed.push(cipher.final(), cipher.getAuthTag())
  return sealed
}

/** Decrypts bytes that `seal` encrypted under this key; null when the key or the bytes are wrong. */
export async function unseal(sealed: Buffer, key: Buffer): Promise<Buffer | null> {
  if (sealed.byteLength < TAG_BYTES) return null
  const body = sealed.subarray(0, -TAG_BYTES)
  const cipher = createDecipheriv(CIPHER, key, NONCE, { authTagLength: TAG_BYTES })
  cipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  const open = Buffer.allocUnsafe(body.byteLength)
  let at = 0
  for await (const part of inSteps([body])) at += cipher.update(part).copy(open, at)
  try {
    cipher.final()
    return open
  } catch {
    return null
  }
}
