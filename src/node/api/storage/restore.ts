import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import { Scope } from '../../../base/scope.js'
import { removeFolder } from '../../../files/disk.js'
import { leftOutNotes } from '../../../files/left-out.js'
import { DriveRestore } from '../../../storage/archive/restore.js'
import { openStore } from '../../../network/cores.js'
import type { CallContext } from '../definition/call.js'
import type { NodeContext } from '../../context.js'

/** What to restore; `dest` is absolute. */
interface RestoreParams {
  link: string
  dest: string
  force: boolean
  /** Most bytes that the files may have. */
  maxSize?: number
}

interface RestoreResult {
  path: string
  files: number
  bytes: number
  sha256: string
  leftOut: number
  seconds: number
}

const FIND_TIMEOUT = 30_000

/**
 * Restores from all peers on the drive's topic at once. Fetched blocks are stored under a name made of link and
 * destination, so that the same command goes on where it stopped, and deleted when the restore is done.
 */
export async function restoreLink(
  node: NodeContext,
  { link, dest, force, maxSize }: RestoreParams,
  { onProgress, signal }: CallContext
): Promise<RestoreResult> {
  const name = crypto
    .hash(Buffer.from(`${link}\0${dest}`))
    .toString('hex')
    .slice(0, 32)
  const folder = join(node.home.dir, 'restore', name)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const store = openStore(folder)
  await store.ready()
  const restore = new DriveRestore({
    link,
    dest,
    force,
    ...(maxSize === undefined ? {} : { maxSize }),
    store,
    findTimeout: FIND_TIMEOUT,
    stallTimeout: node.timeouts.restore,
    signal,
    onnote: message => onProgress({ event: 'note', message }),
    onProgress: ({ step, bytes, files, totalBytes, totalFiles }) =>
      step === 'write'
        ? onProgress({ event: 'progress', step, done: bytes, total: totalBytes, unit: 'bytes' })
        : onProgress({ event: 'progress', step, done: files, total: totalFiles, unit: 'files' })
  })
  const scope = new Scope()
  const attach = (stream: NoiseStream): void => restore.attach(stream)
  try {
    scope.add(() => store.close())
    await scope.open(restore)
    for (const stream of node.network.streams) attach(stream)
    scope.on(node.network, 'connection', attach)
    scope.add(node.network.seek(restore.discoveryKey))
    const { leftOut, ...result } = await restore.run()
    for (const message of leftOutNotes(leftOut)) onProgress({ event: 'note', message })
    await scope.close()
    await removeFolder(folder)
    return { ...result, leftOut: leftOut.length }
  } finally {
    await scope.close()
  }
}
