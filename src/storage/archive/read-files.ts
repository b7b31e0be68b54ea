import { createHash } from 'node:crypto'
import { close, constants, fstat, open as openCallback, read } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { promisify } from 'node:util'
import { pause } from '../../base/timeouts.js'
import { codeOf } from '../../files/disk.js'
import { MOST_READS, READ_AGAIN, isUnchanged, stateBefore } from '../../files/steady.js'
import type { FileState } from '../../files/steady.js'
import { BLOCK_BYTES } from './format.js'
import { LEAVE_OUT, unreadable } from '../../files/tree.js'
import type { TreeFile } from '../../files/tree.js'

const openPlain = promisify(openCallback)
const readPlain = promisify(read)
const closePlain = promisify(close)
const statPlain = (descriptor: number): Promise<BigIntStats> => promisify(fstat)(descriptor, { bigint: true })

/** Does not follow a file that has become a symbolic link since the tree was read, nor block on one that became a pipe. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Blocks of a large file in one read. */
const PORTION_BLOCKS = 16
/** Small files that are read at the same time. */
const SMALL_AHEAD = 32

/** The next blocks of a file, in order; with the last ones `end` says that nobody wrote the file meanwhile. */
interface Blocks {
  file: TreeFile
  step: 'blocks'
  blocks: Buffer[]
  /** SHA-256 of the file, hex, its size and its permission bits. */
  end: { sha256: string; size: number; mode: number } | null
}

/**
 * `again`: the file was written while it was read, so that its blocks so far are void and it is read again. `left out`: it
 * never stood still, or is not there any more.
 */
export type Portion = Blocks | { file: TreeFile; step: 'again' | 'left out' }

/**
 * Reads files in the order given, a bounded number of portions ahead of the consumer. A file that changes while it is read
 * is read again a few times and then left out, so that what is packed is what the file was at one moment. Throws BAD_PATH
 * for a file that cannot be read.
 */
export async function* readFiles(files: readonly TreeFile[]): AsyncGenerator<Portion> {
  const ahead: Promise<Portion | null>[] = []
  let started = 0
  for (const [i, file] of files.entries()) {
    if (started <= i && file.size > BLOCK_BYTES) {
      yield* readLarge(file)
      started = i + 1
      continue
    }
    while (started < files.length && started < i + SMALL_AHEAD && files[started]!.size <= BLOCK_BYTES) {
      const portion = readSmall(files[started++]!)
      portion.catch(() => undefined) // thrown where it is awaited, or no longer needed
      ahead.push(portion)
    }
    const portion = await ahead.shift()!
    if (portion) yield portion
    else yield* readLarge(file)
  }
}

/** Requests the next item of `source` while the consumer works on the current one. */
export async function* oneAhead<T>(source: AsyncGenerator<T>): AsyncGenerator<T> {
  let next = source.next()
  try {
    for (;;) {
      const { done, value } = await next
      if (done) return
      next = source.next()
      next.catch(() => undefined) // thrown where it is awaited, or no longer needed
      yield value
    }
  } finally {
    await source.return(undefined)
  }
}

/** Reads a file of at most one block; null when it has more by now. */
async function readSmall(file: TreeFile): Promise<Portion | null> {
  for (let reads = 1; ; reads++) {
    const portion = await readOnce(file)
    if (portion !== 'changed') return portion
    if (reads === MOST_READS) return { file, step: 'left out' }
    await pause(READ_AGAIN)
  }
}

/** Uses the callback API of `fs`: a `FileHandle` for each small file takes four times as long. */
async function readOnce(file: TreeFile): Promise<Portion | 'changed' | null> {
  const descriptor = await openPlain(file.source, FLAGS).catch(isGone(file))
  if (descriptor === null) return { file, step: 'left out' }
  try {
    const state = await stateBefore(() => statPlain(descriptor).catch(cannot(file)))
    if (state === null) return { file, step: 'left out' }
    if (state.size > BLOCK_BYTES) return null
    const buffer = Buffer.allocUnsafe(state.size)
    let length = 0
    while (length < state.size) {
      const left = state.size - length
      const { bytesRead } = await readPlain(descriptor, buffer, length, left, null).catch(cannot(file))
      if (bytesRead === 0) return 'changed'
      length += bytesRead
    }
    if (!isUnchanged(state, await statPlain(descriptor).catch(cannot(file)))) return 'changed'
    const sha256 = createHash('sha256').update(buffer).digest('hex')
    return { file, step: 'blocks', blocks: length > 0 ? [buffer] : [], end: endOf(state, sha256) }
  } finally {
    await closePlain(descriptor)
  }
}

async function* readLarge(file: TreeFile): AsyncGenerator<Portion> {
  for (let reads = 1; ; reads++) {
    const handle = await open(file.source, FLAGS).catch(isGone(file))
    const isRead = handle !== null && (yield* blocksOf(file, handle))
    if (isRead) return
    if (handle === null || reads === MOST_READS) return yield { file, step: 'left out' }
    yield { file, step: 'again' }
    await pause(READ_AGAIN)
  }
}

/** Yields all blocks of an open file and closes it; returns false when the file was written meanwhile. */
async function* blocksOf(file: TreeFile, handle: FileHandle): AsyncGenerator<Portion, boolean> {
  const hash = createHash('sha256')
  const stat = (): Promise<BigIntStats> => handle.stat({ bigint: true }).catch(cannot(file))
  try {
    const state = await stateBefore(stat)
    if (state === null) return false
    let left = state.size
    do {
      const wanted = Math.min(left, PORTION_BLOCKS * BLOCK_BYTES)
      const bytes = await fill(handle, file, wanted)
      left -= wanted
      if (bytes.byteLength !== wanted) return false
      hash.update(bytes)
      const blocks: Buffer[] = []
      for (let at = 0; at < wanted; at += BLOCK_BYTES) blocks.push(bytes.subarray(at, at + BLOCK_BYTES))
      if (left === 0 && !isUnchanged(state, await stat())) return false
      yield { file, step: 'blocks', blocks, end: left === 0 ? endOf(state, hash.digest('hex')) : null }
    } while (left > 0)
    return true
  } finally {
    await handle.close()
  }
}

function endOf({ size, mode }: FileState, sha256: string): Blocks['end'] {
  return { sha256, size, mode }
}

/** Gives null for a file that is gone, or has become a link, since the tree was read. */
function isGone(file: TreeFile): (error: unknown) => null {
  return error => {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(codeOf(error))) return null
    throw unreadable(file.source, error, LEAVE_OUT)
  }
}

function cannot(file: TreeFile): (error: unknown) => never {
  return error => {
    throw unreadable(file.source, error, LEAVE_OUT)
  }
}

/** Reads the next `wanted` bytes, or fewer when the file ends before. */
async function fill(handle: FileHandle, file: TreeFile, wanted: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(wanted)
  let length = 0
  while (length < wanted) {
    const { bytesRead } = await handle.read(buffer, length, wanted - length, null).catch(cannot(file))
    if (bytesRead === 0) break
    length += bytesRead
  }
  return buffer.subarray(0, length)
}
