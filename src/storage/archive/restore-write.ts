import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { lstat, open, rm, unlink, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { codeOf } from '../../files/disk.js'
import type { Feed, BlockRange } from './restore-feed.js'
import type { DriveFile, DrivePlan } from './restore-plan.js'
import { isMasked, modeOfNew, setMode } from '../../files/modes.js'
import type { Destination } from '../../files/destination.js'
import { sumOfFile } from '../../files/tree.js'

/** Small files written at the same time, and blocks of a large file fetched at the same time. */
const AT_ONCE = 32
const BLOCKS_AHEAD = 8

/** A file that is not complete on disk yet. */
export interface OpenFile {
  file: DriveFile
  /** Blocks and bytes that its part file already has. */
  blocksHere: number
  bytesHere: number
}

export interface PartialFile {
  /** Files that are complete in the part folder, with their SHA-256 as read from it, hex. */
  whole: Map<DriveFile, string>
  open: OpenFile[]
}

/** Reads what an earlier, interrupted run left in the part folder. */
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
    if (size === file.size && file.sha256 !== null && (await sumOfPart(path, signal)) === file.sha256) {
      await setMode(path, file)
      standing.whole.set(file, file.sha256)
      continue
    }
    // the beginning is reused only when the drive has a checksum that verifies it at the end
    const unit = plan.blockBytes !== null && file.sha256 !== null && size < file.size ? plan.blockBytes : 0
    const blocksHere = unit > 0 ? Math.floor(Math.max(size, 0) / unit) : 0
    standing.open.push({ file, blocksHere, bytesHere: blocksHere * unit })
  }
  return standing
}

/** The SHA-256 of a file, hex; null when its mode does not let us read it, so that it is written again. */
async function sumOfPart(path: string, signal: AbortSignal): Promise<string | null> {
  try {
    return (await sumOfFile(path, signal)).sha256
  } catch (error) {
    if (error instanceof Error && codeOf(error.cause) === 'EACCES') return null
    throw error
  }
}

/** Size of a file, or -1 when it does not exist (an empty file has 0). */
async function sizeOf(path: string): Promise<number> {
  return lstat(path).then(
    stats => stats.size,
    (error: unknown) => {
      if (codeOf(error) === 'ENOENT') return -1
      throw error
    }
  )
}

/** The blocks that a file still needs. */
export function runOf({ file: { blob }, blocksHere }: OpenFile): BlockRange {
  return { start: blob.blockOffset + blocksHere, end: blob.blockOffset + blob.blockLength }
}

export interface WriteOptions {
  feed: Feed
  destination: Destination
  open: readonly OpenFile[]
  /** Clear blocks once they are written. Only when checksums verify the written files after a crash. */
  clear: boolean
  onwritten: (file: DriveFile, bytes: number) => void
  /** A file whose data is not what its entry says. */
  onbad: (file: DriveFile) => void
  signal: AbortSignal
}

/** The data of a file is not what its entry says. */
class Inconsistent extends Error {}

/** Writes the files in the order of their blocks. Returns the SHA-256 of each, hex; without that of a bad one. */
export async function writeFiles(options: WriteOptions): Promise<Map<DriveFile, string>> {
  const { open: files, feed, clear, signal } = options
  const sums = new Map<DriveFile, string>()
  for (let i = 0; i < files.length;) {
    signal.throwIfAborted()
    const group = smallFrom(files, i)
    if (group.length > 0) {
      await Promise.all(group.map(({ file }) => add(file, () => writeSmall(file, options))))
      i += group.length
    } else {
      const large = files[i++]!
      await add(large.file, () => writeLarge(large, options))
    }
    const { blob } = files[i - 1]!.file
    const bytes = group.reduce((sum, { file }) => sum + file.size, 0)
    if (clear && bytes > 0) await feed.written(blob.blockOffset + blob.blockLength, bytes)
  }
  return sums

  async function add(file: DriveFile, write: () => Promise<string>): Promise<void> {
    try {
      sums.set(file, await write())
    } catch (error) {
      if (!(error instanceof Inconsistent)) throw error
      await rm(options.destination.partOf(file.path), { force: true })
      options.onbad(file)
    }
  }
}

/** The next files from `i` on with at most one block each. */
function smallFrom(files: readonly OpenFile[], i: number): OpenFile[] {
  let end = i
  while (end < files.length && end < i + AT_ONCE && files[end]!.file.blob.blockLength <= 1) end++
  return files.slice(i, end)
}

async function writeSmall(file: DriveFile, { feed, destination, onwritten }: WriteOptions): Promise<string> {
  const block = file.size > 0 ? await feed.get(file.blob.blockOffset) : Buffer.alloc(0)
  if (block.byteLength !== file.size) throw new Inconsistent(file.path)
  const sha256 = createHash('sha256').update(block).digest('hex')
  if (file.sha256 !== null && sha256 !== file.sha256) throw new Inconsistent(file.path)
  const path = destination.partOf(file.path)
  const fresh = { mode: modeOfNew(file), flag: 'wx' }
  await writeFile(path, block, fresh).catch(async (error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error
    await unlink(path) // left by an earlier run
    await writeFile(path, block, fresh)
  })
  if (isMasked(file)) await setMode(path, file)
  onwritten(file, file.size)
  return sha256
}

async function writeLarge(standing: OpenFile, options: WriteOptions): Promise<string> {
  const { file } = standing
  const { destination, signal, onwritten } = options
  const path = destination.partOf(file.path)
  if (standing.blocksHere === 0) await rm(path, { force: true }) // its mode may not let us open it
  const mode = file.mode === null ? modeOfNew(file) : 0o600
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
        await setMode(path, file)
        return sha256
      }
      if (from.blocksHere === 0) throw new Inconsistent(file.path)
      // the beginning left by an earlier run is damaged (for example by a power loss): write the whole file again
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
    if (bytesRead === 0) throw new Error('a file became shorter while it was read')
    hash.update(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
  return hash
}

/** Fetches the remaining blocks of a file, some ahead, and writes them in order. */
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
      block.catch(() => undefined) // thrown where it is awaited, or no longer needed
      ahead.push(block)
    }
    const block = await ahead.shift()!
    if (at + block.byteLength > file.size) throw new Inconsistent(file.path)
    hash.update(block)
    await handle.write(block, 0, block.byteLength, at)
    at += block.byteLength
    onwritten(file, block.byteLength)
    if (clear) await feed.written(index + 1, block.byteLength)
  }
  if (at !== file.size) throw new Inconsistent(file.path)
}
