import type Hypercore from 'hypercore'
import type { NoiseStream } from 'hyperdht'
import type { Blob } from '#spec'
import { createHash } from 'node:crypto'
import type { ErrorCode } from '../../../contracts/errors/error-table.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { BLOB_BLOCK_BYTES } from '../../../contracts/job.js'
import type { Clock } from '../../base/clock.js'
import { deadline } from '../../base/timeouts.js'
import { attachCore, detachCore } from '../../network/cores.js'
import { tuneRequests } from '../../network/requests/tune-requests.js'

/**
 * Fetches exactly the blocks of a blob over a connection and verifies their sizes and the hash. Rejects with BAD_BLOB when
 * the content differs, STALLED when no block came for `stallMs`, PEER_GONE when the connection ended.
 */
export async function fetchBlob(
  core: Hypercore,
  { length, byteLength, sha256 }: Blob,
  {
    stream,
    signal,
    stallMs,
    clock
  }: { stream: NoiseStream; signal: AbortSignal; stallMs: number; clock?: Clock }
): Promise<Buffer> {
  const stop = new AbortController()
  const fail = (message: string, code: ErrorCode): void => stop.abort(new BushelError(code, message))
  const stalled = (): void => fail(`no block of a blob came for ${Math.round(stallMs / 1000)} s`, 'STALLED')
  let cancel = deadline(stallMs, stalled, clock)
  const onabort = (): void => stop.abort(signal.reason)
  const onclose = (): void => fail('the connection ended before a blob was complete', 'PEER_GONE')
  const sizeOf = (index: number): number =>
    index === length - 1 ? byteLength - index * BLOB_BLOCK_BYTES : BLOB_BLOCK_BYTES
  const ondownload = (index: number, bytes: number): void => {
    cancel()
    if (index >= length || bytes !== sizeOf(index)) return fail(wrongBlock(index, bytes), 'BAD_BLOB')
    cancel = deadline(stallMs, stalled, clock)
  }
  const onconflict = (): void => fail('a blob is not the agreed one: its core has two histories', 'BAD_BLOB')
  signal.addEventListener('abort', onabort)
  stream.once('close', onclose)
  core.on('download', ondownload)
  core.on('conflict', onconflict)
  const stopped = new Promise<never>((_, reject) => {
    stop.signal.addEventListener('abort', () => reject(stop.signal.reason as Error), { once: true })
  })
  const asked = core.download({ start: 0, end: length })
  try {
    if (signal.aborted) onabort()
    else if (stream.destroyed) onclose()
    else attachCore(core, stream)
    tuneRequests(core, BLOB_BLOCK_BYTES)
    const bytes = Buffer.allocUnsafe(byteLength)
    const hash = createHash('sha256')
    for (let index = 0; index < length; index++) {
      const block = await Promise.race([core.get(index, { raw: true }), stopped])
      if (block?.byteLength !== sizeOf(index))
        throw new BushelError('BAD_BLOB', wrongBlock(index, block?.byteLength ?? 0))
      block.copy(bytes, index * BLOB_BLOCK_BYTES)
      hash.update(block)
    }
    if (!hash.digest().equals(sha256))
      throw new BushelError('BAD_BLOB', 'a blob is not the agreed one: its hash differs')
    return bytes
  } finally {
    cancel()
    asked.destroy()
    signal.removeEventListener('abort', onabort)
    stream.off('close', onclose)
    core.off('download', ondownload)
    core.off('conflict', onconflict)
    stopped.catch(() => undefined) // the error was thrown by `get` above
    detachCore(core, stream)
  }
}

function wrongBlock(index: number, bytes: number): string {
  return `a blob is not the agreed one: its block ${index} has ${bytes} bytes`
}
