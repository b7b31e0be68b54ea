import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import { removeFolder } from '../../files/disk.js'
import { Restore } from '../../storage/archive/restore.js'
import { openStore } from '../../network/cores.js'
import type { CallContext, Restore as RestoreParams, RestoreResult } from './api.js'
import type { Parts } from '../context.js'

const FIND_TIMEOUT = 30_000

/**
 * Restores from everyone on the drive's topic at once. The store of what is fetched and not yet written is named by link
 * and destination, so that the same command goes on where it stopped; it goes when the restore is done.
 */
export async function restoreLink(
  parts: Parts,
  { link, dest, force }: RestoreParams,
  { onProgress, signal }: CallContext
): Promise<RestoreResult> {
  const name = crypto
    .hash(Buffer.from(`${link}\0${dest}`))
    .toString('hex')
    .slice(0, 32)
  const folder = join(parts.home.dir, 'restore', name)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const store = openStore(folder)
  await store.ready()
  const restore = new Restore({
    link,
    dest,
    force,
    store,
    findTimeout: FIND_TIMEOUT,
    stallTimeout: parts.patience.restore,
    signal,
    onProgress: ({ step, bytes, files, totalBytes, totalFiles }) =>
      step === 'write'
        ? onProgress({ event: 'progress', step, done: bytes, total: totalBytes, unit: 'bytes' })
        : onProgress({ event: 'progress', step, done: files, total: totalFiles, unit: 'files' })
  })
  const attach = (stream: NoiseStream): void => restore.attach(stream)
  try {
    await restore.ready()
    for (const stream of parts.network.streams) attach(stream)
    parts.network.on('connection', attach)
    parts.network.join(restore.discoveryKey, { server: false })
    const result = await restore.run()
    await restore.close()
    await store.close()
    await removeFolder(folder)
    return result
  } finally {
    parts.network.off('connection', attach)
    await parts.network.leave(restore.discoveryKey)
    await restore.close()
    await store.close()
  }
}
