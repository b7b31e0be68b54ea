import { constants } from 'node:fs'
import { access, open } from 'node:fs/promises'
import { join } from 'node:path'
import { badStore } from './errors.js'
import { PageCheck } from './lmdb-pages.js'
import type { Tree } from './lmdb-pages.js'

/** Fields of the two pages at the start of a data file of LMDB, of which the one with the larger transaction is valid. */
const FLAGS = 18
const META_PAGE = 8
const MAGIC = 24
const MAGIC_VALUE = 0xbeefc0de
const VERSION = 28
const VERSION_VALUE = 2
const ADDRESS = 32
const MAP_SIZE = 40
/** In bytes; a system cannot map much more. */
const MAX_SIZE = 1n << 43n
const PAGE_SIZE = 48
/** Where the two trees are described. */
const FREE_TREE = 48
const ROWS_TREE = 96
const TREE_FLAGS = 4
const NUMBER_KEYS = 8
const LAST_PAGE = 144
const TRANSACTION = 152
const HEADER = 160
/** Looks at a file that another process changes meanwhile. */
const MAX_TRIES = 3

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
    await demandPages(folder, handle, first.pageSize)
  } finally {
    await handle.close()
  }
}

/**
 * Throws BAD_STORE for pages that LMDB cannot read. A writer in another process may put others in their place meanwhile:
 * then it starts again, and at last trusts that writer, which made this check when it started.
 */
async function demandPages(folder: string, handle: Handle, pageSize: number): Promise<void> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const meta = await currentMeta(handle, pageSize)
    if (!meta) return
    const { size } = await handle.stat()
    const problem = meta.isNextToOther
      ? new PageCheck(handle.fd, { ...meta, size }).run(meta.rows, meta.free)
      : 'the two transactions at its start do not follow one another'
    if (problem === null) return
    if ((await currentMeta(handle, pageSize))?.transaction !== meta.transaction) continue
    throw badStore(folder, `data.mdb has ${size} bytes, and ${problem}`)
  }
}

async function currentMeta(
  handle: Handle,
  pageSize: number
): Promise<(Meta & { isNextToOther: boolean }) | null> {
  const [one, other] = [await metaPage(handle, 0), await metaPage(handle, pageSize)]
  if (!one || !other) return null
  const [current, before] = one.transaction > other.transaction ? [one, other] : [other, one]
  // Transactions take turns with the two pages.
  return { ...current, isNextToOther: current.transaction - before.transaction <= 1n }
}

type Handle = Awaited<ReturnType<typeof open>>

interface Meta {
  pageSize: number
  lastPage: bigint
  transaction: bigint
  free: Tree
  rows: Tree
}

/** Null when there is no such page. */
async function metaPage(handle: Handle, at: number): Promise<Meta | null> {
  const page = Buffer.alloc(HEADER)
  const { bytesRead } = await handle.read(page, 0, HEADER, at)
  const pageSize = page.readUInt32LE(PAGE_SIZE)
  const isMeta =
    bytesRead === HEADER &&
    pageSize >= 4096 &&
    pageSize <= 65536 &&
    page.readUInt16LE(FLAGS) === META_PAGE &&
    page.readUInt32LE(MAGIC) === MAGIC_VALUE &&
    (page.readUInt32LE(VERSION) & 0xffff) === VERSION_VALUE &&
    // A place for the map, or rows of another kind: the store has neither.
    page.readBigUInt64LE(ADDRESS) === 0n &&
    page.readBigUInt64LE(MAP_SIZE) <= MAX_SIZE &&
    page.readBigUInt64LE(LAST_PAGE) <= MAX_SIZE / BigInt(pageSize) &&
    page.readUInt16LE(FREE_TREE + TREE_FLAGS) === NUMBER_KEYS &&
    page.readUInt32LE(ROWS_TREE) === 0 &&
    page.readUInt16LE(ROWS_TREE + TREE_FLAGS) === 0
  if (!isMeta) return null
  return {
    pageSize,
    lastPage: page.readBigUInt64LE(LAST_PAGE),
    transaction: page.readBigUInt64LE(TRANSACTION),
    free: tree(page, FREE_TREE, 'the tree of free pages'),
    rows: tree(page, ROWS_TREE, 'the tree of rows')
  }
}

function tree(page: Buffer, at: number, name: string): Tree {
  return {
    name,
    depth: page.readUInt16LE(at + 6),
    branchPages: page.readBigUInt64LE(at + 8),
    leafPages: page.readBigUInt64LE(at + 16),
    overflowPages: page.readBigUInt64LE(at + 24),
    entries: page.readBigUInt64LE(at + 32),
    root: page.readBigUInt64LE(at + 40)
  }
}
