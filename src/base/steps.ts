import { createHash } from 'node:crypto'

/** Bytes that are hashed or ciphered before anything else gets a turn. */
const STEP = 1 << 20

/** Gives others their turn. */
export function breathe(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/** The same bytes in parts of at most a step, without copies; between two of them others get their turn. */
export async function* inSteps(chunks: Iterable<Buffer>): AsyncGenerator<Buffer> {
  let since = 0
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.byteLength; at += STEP) {
      const part = chunk.subarray(at, at + STEP)
      yield part
      since += part.byteLength
      if (since < STEP) continue
      since = 0
      await breathe()
    }
  }
}

/** SHA-256 of the concatenation. */
export async function sha256InSteps(chunks: Iterable<Buffer>): Promise<Buffer> {
  const hash = createHash('sha256')
  for await (const part of inSteps(chunks)) hash.update(part)
  return hash.digest()
}
