import { constants } from 'node:fs'
import { access, open } from 'node:fs/promises'
import { join } from 'node:path'
import { badStore } from './errors.js'

/** Fields of the two pages at the start of a data file of LMDB, of which the one with the larger transaction is valid. */
const FLAGS = 18
const META_PAGE = 8
const MAGIC = 24
const MAGIC_VALUE = 0xbeefc0de
const VERSION = 28
const VERSION_VALUE = 2
const PAGE_SIZE = 48
const LAST_PAGE = 144
const TRANSACTION = 152
const HEADER = 160

/**
 * Throws BAD_STORE for a file that LMDB would not open, or of which the end is missing: both would crash the process, the
 * one in lmdb-js, the other when a page behind the end is read. Throws the system's error when a file cannot be used.
 */
export async function demandWholeFile(folder: string, { readOnly }: { readOnly: boolean }): Promise<void> {
  const { R_OK, W_OK } = constants
  const file = join(folder, 'data.mdb')
  const lock = join(folder, 'lock.mdb')
  const hasLock = await access(lock).then(
    () => true,
    () => false
  )
  await access(hasLock ? lock : folder, R_OK | W_OK)
  let handle
  try {
    handle = await open(file, readOnly ? 'r' : 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw badStore(folder, 'the file data.mdb is missing', error)
  }
  try {
    const first = await metaPage(handle, 0)
    const second = first && (await metaPage(handle, first.pageSize))
    const { size } = await handle.stat()
    if (!first || second?.pageSize !== first.pageSize)
      throw badStore(folder, `the start of data.mdb, of ${size} bytes, cannot be read`)
    const { lastPage } = first.transaction > second.transaction ? first : second
    const expected = (lastPage + 1n) * BigInt(first.pageSize)
    if (BigInt(size) < expected) throw badStore(folder, `data.mdb has ${size} bytes of ${expected}`)
  } finally {
    await handle.close()
  }
}

type Handle = Awaited<ReturnType<typeof open>>

/** Null when there is no such page. */
async function metaPage(
  handle: Handle,
  at: number
): Promise<{ pageSize: number; lastPage: bigint; transaction: bigint } | null> {
  const page = Buffer.alloc(HEADER)
  const { bytesRead } = await handle.read(page, 0, HEADER, at)
  const pageSize = page.readUInt32LE(PAGE_SIZE)
  const isMeta =
    bytesRead === HEADER &&
    (page.readUInt16LE(FLAGS) & META_PAGE) !== 0 &&
    page.readUInt32LE(MAGIC) === MAGIC_VALUE &&
    (page.readUInt32LE(VERSION) & 0xffff) === VERSION_VALUE &&
    pageSize >= 4096 &&
    pageSize <= 65536
  if (!isMeta) return null
  return {
    pageSize,
    lastPage: page.readBigUInt64LE(LAST_PAGE),
    transaction: page.readBigUInt64LE(TRANSACTION)
  }
}
