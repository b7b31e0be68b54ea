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
const FREE_ROOT = 88
const MAIN_ROOT = 136
const LAST_PAGE = 144
const TRANSACTION = 152
const HEADER = 160
/** Of other pages: a header, offsets of nodes and, from the end, the nodes. Offsets, and their end in `LOWER`, count from the header. */
const BRANCH_PAGE = 1
const LEAF_PAGE = 2
const LOWER = 20
const PAGE_HEADER = 24
/** Of nodes: size of the value or number of a page, flags, size of the key. */
const NODE_HEADER = 8
const BIG_DATA = 1
const NO_PAGE = 2n ** 64n - 1n
/** Looks at a file that another process changes meanwhile. */
const MAX_TRIES = 10

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
 * Throws BAD_STORE when a page in use is behind the end of the file. A file without its last pages may be whole: LMDB does
 * not write pages that a transaction took and gave back. Then the pages in use are looked through; a writer in another
 * process may put others in their place meanwhile, and it starts again.
 */
async function demandPages(folder: string, handle: Handle, pageSize: number): Promise<void> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const meta = await currentMeta(handle, pageSize)
    const { size } = await handle.stat()
    const pages = BigInt(Math.floor(size / pageSize))
    if (!meta || meta.lastPage < pages) return
    const missing = await firstMissing(handle, pageSize, pages, meta.roots)
    if (missing === null) return
    if ((await currentMeta(handle, pageSize))?.transaction !== meta.transaction) continue
    throw badStore(folder, `data.mdb has ${size} bytes, and page ${missing} of ${pageSize} bytes is in use`)
  }
}

async function currentMeta(handle: Handle, pageSize: number): Promise<Meta | null> {
  const [one, other] = [await metaPage(handle, 0), await metaPage(handle, pageSize)]
  return one && other && (one.transaction > other.transaction ? one : other)
}

/** The first page in use that is not in the file; null when all are. */
async function firstMissing(
  handle: Handle,
  pageSize: number,
  pages: bigint,
  roots: readonly bigint[]
): Promise<bigint | null> {
  const left = roots.filter(root => root !== NO_PAGE)
  const page = Buffer.alloc(pageSize)
  while (left.length > 0) {
    const number = left.pop()!
    if (number >= pages) return number
    await handle.read(page, 0, pageSize, Number(number) * pageSize)
    const flags = page.readUInt16LE(FLAGS)
    if ((flags & (BRANCH_PAGE | LEAF_PAGE)) === 0) return number
    const end = Math.min(PAGE_HEADER + page.readUInt16LE(LOWER), pageSize)
    for (let at = PAGE_HEADER; at + 2 <= end; at += 2) {
      const node = PAGE_HEADER + page.readUInt16LE(at)
      if (node + NODE_HEADER > pageSize) return number
      if (flags & BRANCH_PAGE) {
        const child = page.readUInt32LE(node) + page.readUInt16LE(node + 4) * 2 ** 32
        left.push(BigInt(child))
      } else if (page.readUInt16LE(node + 4) & BIG_DATA) {
        const data = node + NODE_HEADER + page.readUInt16LE(node + 6)
        if (data + 8 > pageSize) return number
        const first = page.readBigUInt64LE(data)
        const last = first + BigInt(Math.ceil((PAGE_HEADER + page.readUInt32LE(node)) / pageSize)) - 1n
        if (last >= pages) return last
      }
    }
  }
  return null
}

type Handle = Awaited<ReturnType<typeof open>>

interface Meta {
  pageSize: number
  lastPage: bigint
  transaction: bigint
  /** The first pages of the tree of free pages and of the tree of rows. */
  roots: bigint[]
}

/** Null when there is no such page. */
async function metaPage(handle: Handle, at: number): Promise<Meta | null> {
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
    transaction: page.readBigUInt64LE(TRANSACTION),
    roots: [page.readBigUInt64LE(FREE_ROOT), page.readBigUInt64LE(MAIN_ROOT)]
  }
}
