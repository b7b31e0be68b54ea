import { createHash } from 'node:crypto'
import { close, constants, open as openCallback, read } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { promisify } from 'node:util'
import { BushelError } from '../../../contracts/errors/error.js'
import { BLOCK_BYTES } from './format.js'
import { unreadable } from '../../files/tree.js'
import type { TreeFile } from '../../files/tree.js'

const openPlain = promisify(openCallback)
const readPlain = promisify(read)
const closePlain = promisify(close)

/** Does not follow a file that has become a symbolic link since the tree was read, nor block on one that became a pipe. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Blocks of a large file in one read. */
const PORTION_BLOCKS = 16
/** Small files that are read at the same time. */
const SMALL_AHEAD = 32

/** The next blocks of a file, in order. */
export interface Portion {
  file: TreeFile
  blocks: Buffer[]
  /** SHA-256 of the file, hex, with its last portion; else null. */
  sha256: string | null
}

/**
 * Reads files once, in the order given, a bounded number of portions ahead of the consumer. Throws an error that names
 * the file when one cannot be read, and FILE_CHANGED when its size differs from the one in the tree.
 */
export async function* readFiles(files: readonly TreeFile[]): AsyncGenerator<Portion> {
  const ahead: Promise<Portion>[] = []
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
    yield await ahead.shift()!
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

/** Uses the callback API of `fs`: a `FileHandle` for each small file takes four times as long. */
async function readSmall(file: TreeFile): Promise<Portion> {
  const descriptor = await openPlain(file.source, FLAGS).catch(cannot(file))
  try {
    const buffer = Buffer.allocUnsafe(file.size + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await readPlain(
        descriptor,
        buffer,
        length,
        buffer.byteLength - length,
        null
      ).catch(cannot(file))
      length += bytesRead
      if (length > file.size || (bytesRead === 0 && length < file.size)) throw changed(file)
      if (length === file.size) break // the buffer had room for one more byte, so this is the end of the file
    }
    const bytes = buffer.subarray(0, length)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    return { file, blocks: length > 0 ? [bytes] : [], sha256 }
  } finally {
    await closePlain(descriptor)
  }
}

async function* readLarge(file: TreeFile): AsyncGenerator<Portion> {
  const handle = await open(file.source, FLAGS).catch(cannot(file))
  const hash = createHash('sha256')
  try {
    let left = file.size
    while (left > 0) {
      const wanted = Math.min(left, PORTION_BLOCKS * BLOCK_BYTES)
      const { bytes, more } = await fill(handle, file, wanted, wanted === left)
      left -= wanted
      if (bytes.byteLength !== wanted || more) throw changed(file)
      hash.update(bytes)
      const blocks: Buffer[] = []
      for (let at = 0; at < wanted; at += BLOCK_BYTES) blocks.push(bytes.subarray(at, at + BLOCK_BYTES))
      yield { file, blocks, sha256: left === 0 ? hash.digest('hex') : null }
    }
  } finally {
    await handle.close()
  }
}

function cannot(file: TreeFile): (error: unknown) => never {
  return error => {
    throw unreadable(file.source, error)
  }
}

/** Reads the next `wanted` bytes, or fewer when the file ends before. With `last`, also tells whether more follow. */
async function fill(
  handle: FileHandle,
  file: TreeFile,
  wanted: number,
  last = true
): Promise<{ bytes: Buffer; more: boolean }> {
  const buffer = Buffer.allocUnsafeSlow(wanted + (last ? 1 : 0))
  let length = 0
  while (length < buffer.byteLength) {
    const { bytesRead } = await handle
      .read(buffer, length, buffer.byteLength - length, null)
      .catch(cannot(file))
    if (bytesRead === 0) break
    length += bytesRead
  }
  return { bytes: buffer.subarray(0, Math.min(length, wanted)), more: length > wanted }
}

function changed(file: TreeFile): BushelError {
  return new BushelError(
    'FILE_CHANGED',
    `'${file.source}' changed while it was being read`,
    'nothing was kept; try again when no program writes to the file'
  )
}
