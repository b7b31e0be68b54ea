import type Hyperdrive from 'hyperdrive'
import type { BlobId } from 'hyperblobs'
import { BushelError } from '../../../contracts/errors/error.js'
import { MIB } from '../../../contracts/money/quantity.js'
import { demandEntries } from './restore-size.js'
import type { LeftOut } from '../../files/left-out.js'
import { planTree } from '../../files/tree-plan.js'
import type { PlannedFile, PlannedLink, TreePlan } from '../../files/tree-plan.js'
import {
  ENTRY_RANGE,
  FOLDER_RANGE,
  decodeNote,
  entryPath,
  folderPath,
  notedMode,
  notedSum
} from './format.js'

/** Largest block of a Hypercore, bytes. */
const MOST_BLOCK_BYTES = 16 * MIB
const MALFORMED = 'malformed entry(ies)'

/** A file of a drive and its blocks in the blobs core. */
export interface DriveFile extends PlannedFile {
  blob: BlobId
}

/** The checked contents of a drive: no path or link leads out of the tree. */
export interface DrivePlan extends TreePlan<DriveFile> {
  /** Number of blocks that the blobs core must have. */
  blocks: number
  /** Bytes of every block of a file except its last; null when unknown. */
  blockBytes: number | null
}

/**
 * Reads the entries of a drive; its entries core must be complete in the store. The drive is untrusted: an entry with a
 * path or link that leads out of the tree, that a file system cannot hold, or that is malformed is left out, and the others
 * are not affected. Throws UNSAFE_DRIVE when nothing is left of it, or its list of files is no list.
 */
export async function readPlan(drive: Hyperdrive): Promise<DrivePlan> {
  const note = decodeNote((await drive.db.getHeader())?.metadata?.userData)
  const blockBytes = note?.blockBytes ?? null
  const files: DriveFile[] = []
  const links: PlannedLink[] = []
  const leftOut: LeftOut[] = []
  let bytes = 0
  for await (const { key, value } of entriesOf(drive, ENTRY_RANGE)) {
    const path = entryPath(key)
    if (path === null) {
      leftOut.push({ path: key.subarray(1).toString(), why: 'name(s) that are not UTF-8, or not absolute' })
      continue
    }
    const entry = entryOf(path, value, blockBytes)
    if (entry === null) continue
    if ('why' in entry) leftOut.push(entry)
    else if ('target' in entry) links.push(entry)
    else if (Number.isSafeInteger(bytes + entry.size)) {
      files.push(entry)
      bytes += entry.size
    } else leftOut.push({ path, why: 'file(s) larger than any disk' })
  }
  const folderModes = new Map<string, number>()
  for await (const { key, value } of entriesOf(drive, FOLDER_RANGE)) {
    const mode = notedMode(value)
    if (mode !== null) folderModes.set(folderPath(key), mode)
  }
  files.sort((a, b) => a.blob.blockOffset - b.blob.blockOffset)
  const plan = await planTree(note?.root ?? 'folder', files, links, folderModes)
  plan.leftOut.unshift(...leftOut)
  const [first] = plan.leftOut
  if (first && plan.files.length === 0 && plan.links.length === 0)
    throw unsafe(`it has nothing but ${first.why}, such as ${JSON.stringify(first.path.slice(0, 80))}`)
  const blocks = plan.files.reduce((most, { blob }) => Math.max(most, blob.blockOffset + blob.blockLength), 0)
  return { ...plan, blocks, blockBytes }
}

async function* entriesOf(
  drive: Hyperdrive,
  range: { gt: Buffer; lt: Buffer }
): AsyncGenerator<{ key: Buffer; value: unknown }> {
  let entries = 0
  const encodings = { keyEncoding: 'binary', valueEncoding: 'json' } as const
  for await (const entry of drive.db.createReadStream(range, encodings)) {
    // Each entry is one block, so a tree with more entries than blocks has them more than once.
    if (++entries > drive.core.length) throw unsafe('its list of files has no end')
    demandEntries(entries)
    yield entry
  }
}

/** Null for what is neither file nor link: data of another tool. */
function entryOf(
  path: string,
  value: unknown,
  blockBytes: number | null
): DriveFile | PlannedLink | LeftOut | null {
  if (typeof value !== 'object' || value === null) return { path, why: MALFORMED }
  const { linkname, blob, executable, metadata } = value as Record<string, unknown>
  if (typeof linkname === 'string') return { path, target: linkname }
  if (blob === null || blob === undefined) return null
  const id = blobOf(blob)
  if (typeof id === 'string') return { path, why: id }
  const { blockLength, byteLength: size } = id
  const isWhole =
    blockBytes === null
      ? size > 0 === blockLength > 0 && size <= blockLength * MOST_BLOCK_BYTES
      : blockLength === Math.ceil(size / blockBytes)
  if (!isWhole) return { path, why: MALFORMED }
  const mode = notedMode(metadata)
  return { path, size, executable: executable === true, mode, blob: id, sha256: notedSum(metadata) }
}

/** Or why it is none. */
function blobOf(blob: object): BlobId | string {
  const { blockOffset, blockLength, byteOffset, byteLength, blockMap } = blob as Partial<BlobId>
  const numbers = [blockOffset, blockLength, byteOffset, byteLength]
  const isWhole = numbers.every(number => Number.isSafeInteger(number) && number! >= 0)
  if (!isWhole || !Number.isSafeInteger(blockOffset! + blockLength!)) return MALFORMED
  if (blockMap === true) return 'file(s) with shared blocks (a block map), which Bushel cannot restore'
  return {
    blockOffset: blockOffset!,
    blockLength: blockLength!,
    byteOffset: byteOffset!,
    byteLength: byteLength!
  }
}

/** The error for a drive of which nothing can be restored. */
export function unsafe(what: string): BushelError {
  return new BushelError(
    'UNSAFE_DRIVE',
    `this drive cannot be restored: ${what}`,
    'nothing was written; the maker of the link must make the drive again'
  )
}
