import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { lstat, open, unlink, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { BushelError } from '../../../contracts/errors/error.js'
import { codeOf } from '../../files/disk.js'
import type { Feed, BlockRange } from './restore-feed.js'
import type { DriveFile, DrivePlan } from './restore-plan.js'
import { setExecutable } from '../../files/destination.js'
import type { Destination } from '../../files/destination.js'
import { sumOfFile } from '../../files/tree.js'

/** Small files written at the same time, and blocks of a large one fetched at the same time. */
const AT_ONCE = 32
const BLOCKS_AHEAD = 8

/** A file that is not yet whole on disk. */
export interface OpenFile {
  file: DriveFile
  /** Blocks and bytes of it that stand in its part already. */
  blocksHere: number
  bytesHere: number
}

export interface PartialFile {
  /** Files that are whole in the part, with their sums as read from it. Hex. */
  whole: Map<DriveFile, string>
  open: OpenFile[]
}

/** What an earlier run, ended at whatever point, has left in the part. */
export async function readPart(
  plan: DrivePlan,
  destination: Destination,
  done: ReadonlyMap<DriveFile, string>,
  signal: AbortSignal
): Promise<PartialFile> {
  const standing: PartialFile = { whole: new Map(), open: [] }
  for (const file of plan.files) {
    if (done.has(file)) continue
    signal.throwIfAborted()
    const path = destination.partOf(file.path)
    const size = await sizeOf(path)
    if (
      size === file.size &&
      file.sha256 !== null &&
      (await sumOfFile(path, signal)).sha256 === file.sha256
    ) {
      await setExecutable(path, file.executable)
      standing.whole.set(file, file.sha256)
      continue
    }
    // only a drive that names sums lets a wrong beginning be noticed at the end
    const unit = plan.blockBytes !== null && file.sha256 !== null && size < file.size ? plan.blockBytes : 0
    const blocksHere = unit > 0 ? Math.floor(Math.max(size, 0) / unit) : 0
    standing.open.push({ file, blocksHere, bytesHere: blocksHere * unit })
  }
  return standing
}

/** -1 where nothing stands: an empty file that is there differs from one that is not. */
async function sizeOf(path: string): Promise<number> {
  return lstat(path).then(
    stats => stats.size,
    (error: unknown) => {
      if (codeOf(error) === 'ENOENT') return -1
      throw error
    }
  )
}

/** The blocks that are still to be had for these files. */
export function runOf({ file: { blob }, blocksHere }: OpenFile): BlockRange {
  return { start: blob.blockOffset + blocksHere, end: blob.blockOffset + blob.blockLength }
}

export interface WriteOptions {
  feed: Feed
  destination: Destination
  open: readonly OpenFile[]
  /** May blocks be cleared once they are written? Only where what is written can be checked after a crash. */
  clear: boolean
  onwritten: (file: DriveFile, bytes: number) => void
  signal: AbortSignal
}

/** Writes the files, in the order of their blocks, and gives their sums as written (hex). */
export async function writeFiles(options: WriteOptions): Promise<Map<DriveFile, string>> {
  const { open: files, feed, clear, signal } = options
  const sums = new Map<DriveFile, string>()
  for (let i = 0; i < files.length;) {
    signal.throwIfAborted()
    const group = smallFrom(files, i)
    if (group.length > 0) {
      const done = await Promise.all(group.map(({ file }) => writeSmall(file, options)))
      done.forEach((sum, at) => sums.set(group[at]!.file, sum))
      i += group.length
    } else {
      const large = files[i++]!
      sums.set(large.file, await writeLarge(large, options))
    }
    const { blob } = files[i - 1]!.file
    const bytes = group.reduce((sum, { file }) => sum + file.size, 0)
    if (clear && bytes > 0) await feed.written(blob.blockOffset + blob.blockLength, bytes)
  }
  return sums
}

/** The files from `i` on that are one block or none each. */
function smallFrom(files: readonly OpenFile[], i: number): OpenFile[] {
  let end = i
  while (end < files.length && end < i + AT_ONCE && files[end]!.file.blob.blockLength <= 1) end++
  return files.slice(i, end)
}

async function writeSmall(file: DriveFile, { feed, destination, onwritten }: WriteOptions): Promise<string> {
  const block = file.size > 0 ? await feed.get(file.blob.blockOffset) : Buffer.alloc(0)
  if (block.byteLength !== file.size) throw inconsistent(file)
  const sha256 = createHash('sha256').update(block).digest('hex')
  if (file.sha256 !== null && sha256 !== file.sha256) throw inconsistent(file)
  const path = destination.partOf(file.path)
  const fresh = { mode: file.executable ? 0o777 : 0o666, flag: 'wx' }
  await writeFile(path, block, fresh).catch(async (error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error
    await unlink(path) // what an earlier run left
    await writeFile(path, block, fresh)
  })
  onwritten(file, file.size)
  return sha256
}

async function writeLarge(standing: OpenFile, options: WriteOptions): Promise<string> {
  const { file } = standing
  const { destination, signal, onwritten } = options
  const path = destination.partOf(file.path)
  const mode = file.executable ? 0o777 : 0o666
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, mode)
  try {
    let from = standing
    for (;;) {
      await handle.truncate(from.bytesHere)
      const hash = await hashOfStart(handle, from.bytesHere, signal)
      onwritten(file, from.bytesHere)
      await writeBlocks(handle, from, hash, options)
      const sha256 = hash.digest('hex')
      if (file.sha256 === null || sha256 === file.sha256) {
        await handle.sync()
        await setExecutable(path, file.executable)
        return sha256
      }
      if (from.blocksHere === 0) throw inconsistent(file)
      // the beginning that an earlier run left is not what it wrote (the machine lost power, say): all of it again
      onwritten(file, -file.size)
      from = { file, blocksHere: 0, bytesHere: 0 }
    }
  } finally {
    await handle.close()
  }
}

async function hashOfStart(handle: FileHandle, length: number, signal: AbortSignal): Promise<Hash> {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(Math.min(1 << 20, length))
  for (let at = 0; at < length;) {
    signal.throwIfAborted()
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.byteLength, length - at), at)
    if (bytesRead === 0) throw new Error('a file grew shorter while it was read')
    hash.update(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
  return hash
}

/** Fetches the rest of a file's blocks, some ahead, and writes them in order. */
async function writeBlocks(
  handle: FileHandle,
  { file, blocksHere, bytesHere }: OpenFile,
  hash: Hash,
  { feed, clear, onwritten, signal }: WriteOptions
): Promise<void> {
  const { blockOffset, blockLength } = file.blob
  const end = blockOffset + blockLength
  const ahead: Promise<Buffer>[] = []
  let next = blockOffset + blocksHere
  let at = bytesHere
  for (let index = next; index < end; index++) {
    signal.throwIfAborted()
    while (next < end && ahead.length < BLOCKS_AHEAD) {
      const block = feed.get(next++)
      block.catch(() => undefined) // it is met where it is awaited, or no more needed
      ahead.push(block)
    }
    const block = await ahead.shift()!
    if (at + block.byteLength > file.size) throw inconsistent(file)
    hash.update(block)
    await handle.write(block, 0, block.byteLength, at)
    at += block.byteLength
    onwritten(file, block.byteLength)
    if (clear) await feed.written(index + 1, block.byteLength)
  }
  if (at !== file.size) throw inconsistent(file)
}

function inconsistent({ path }: DriveFile): BushelError {
  return new BushelError(
    'UNSAFE_DRIVE',
    `the drive contradicts itself about '${path}'`,
    'whoever made the link must make it again'
  )
}
