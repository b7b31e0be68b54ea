import { createCipheriv, createDecipheriv } from 'node:crypto'
import { inSteps } from '../../base/steps.js'

const CIPHER = 'chacha20-poly1305'
const TAG_BYTES = 16
/** Each key seals one output and nothing else. */
const NONCE = Buffer.alloc(12)

/** The bytes encrypted under a key of 32 bytes that was never used before, in parts; the tag stands last. */
export async function seal(parts: Iterable<Buffer>, key: Buffer): Promise<Buffer[]> {
  const cipher = createCipheriv(CIPHER, key, NONCE, { authTagLength: TAG_BYTES })
  const sealed: Buffer[] = []
  for await (const part of inSteps(parts)) sealed.push(cipher.update(part))
  sealed.push(cipher.final(), cipher.getAuthTag())
  return sealed
}

/** What was sealed under the key, or null when it was not. */
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
