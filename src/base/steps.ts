import { createHash } from 'node:crypto'

/** Most bytes hashed or encrypted before the event loop gets a turn. */
const STEP = 1 << 20

/** Yields to the event loop. */
export function breathe(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/** Splits buffers into steps of at most 1 MiB without copying, and yields to the event loop between steps. */
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

/** SHA-256 of the concatenated chunks, computed in steps. */
export async function sha256InSteps(chunks: Iterable<Buffer>): Promise<Buffer> {
  const hash = createHash('sha256')
  for await (const part of inSteps(chunks)) hash.update(part)
  return hash.digest()
}
