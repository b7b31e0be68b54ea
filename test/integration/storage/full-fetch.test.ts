import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import Corestore from 'corestore'
import { openStore } from '../../../src/network/cores.js'
import { fetchCore } from '../../../src/storage/shelf/fetch.js'
import { scratch } from '../../parts/storage/wire.js'

const BLOCKS = 600
const BYTES = 1000

/** A core whose writes can be made to fail. */
interface Writing {
  verify(...of: unknown[]): Promise<boolean>
}

test('a fetch whose writes failed on a full disk goes on over the same connection when there is room', async t => {
  const folder = await scratch(t)
  const from = new Corestore(join(folder, 'from'))
  const source = from.get({ name: 'source' })
  await source.ready()
  await source.append(Array.from({ length: BLOCKS }, (_, i) => Buffer.alloc(BYTES, i)))
  const to = openStore(join(folder, 'to'))
  const kept = to.get({ key: source.key })
  await kept.ready()
  const [a, b] = [from.replicate(true), to.replicate(false)]
  a.pipe(b).pipe(a)

  let [isFull, isWritable] = [false, true]
  let failed = 0
  let tell = (): void => undefined
  const someFailed = new Promise<void>(resolve => (tell = resolve))
  const inner = kept.core as unknown as Writing
  const verify = inner.verify.bind(inner)
  inner.verify = async (...of) => {
    if (isWritable) return verify(...of)
    failed++
    throw Object.assign(new Error('no space left on device'), { code: 'WRITE_FAILED' })
  }
  let seen = (): void => undefined
  const sawFull = new Promise<void>(resolve => (seen = resolve))
  const fetching = fetchCore(kept, {
    limit: { key: source.key, length: BLOCKS, byteLength: BLOCKS * BYTES },
    isUploader: () => true,
    isFull: async () => {
      if (isFull) seen()
      if (failed > 0) tell()
      return isFull
    },
    onProgress: () => undefined,
    signal: AbortSignal.timeout(60_000)
  })
  await once(kept, 'download')
  ;[isFull, isWritable] = [true, false]
  await Promise.all([sawFull, someFailed])
  isFull = false
  const before = failed
  while (failed === before) await new Promise(resolve => setImmediate(resolve))
  isWritable = true // some time after there was room
  await fetching
  assert.ok(failed > 0)
  assert.ok(await kept.has(0, BLOCKS))
  for (const stream of [a, b]) stream.destroy()
  await from.close()
  await to.close()
})
