import type Hyperdrive from 'hyperdrive'
import type { BlobId } from 'hyperblobs'
import { BushelError } from '../../../contracts/errors/error.js'
import { checkName, checkTogether } from '../../files/tree-plan.js'
import type { PlannedFile, TreePlan } from '../../files/tree-plan.js'
import { ENTRY_RANGE, decodeNote, entryPath, notedSum } from './format.js'
import type { DriveNote } from './format.js'

/** A file of a drive and its blocks in the blobs core. */
export interface DriveFile extends PlannedFile {
  blob: BlobId
}

/** The checked contents of a drive: no path or link leads out of the tree. */
export interface DrivePlan extends TreePlan<DriveFile> {
  root: DriveNote['root']
  /** Number of blocks that the blobs core must have. */
  blocks: number
  /** Bytes of every block of a file except its last; null when unknown. */
  blockBytes: number | null
}

/**
 * Reads the entries of a drive; its entries core must be complete in the store. The drive is untrusted: throws
 * UNSAFE_DRIVE for a path or link that leads out of the tree or that a file system cannot hold, and UNSUPPORTED_DRIVE.
 */
export async function readPlan(drive: Hyperdrive): Promise<DrivePlan> {
  const note = decodeNote((await drive.db.getHeader())?.metadata?.userData)
  const plan = emptyPlan()
  plan.root = note?.root ?? 'folder'
  plan.blockBytes = note?.blockBytes ?? null
  const encodings = { keyEncoding: 'binary', valueEncoding: 'json' } as const
  let entries = 0
  for await (const { key, value } of drive.db.createReadStream(ENTRY_RANGE, encodings)) {
    // each entry is one block, so more entries than blocks mean a cycle in the tree
    if (++entries > drive.core.length) throw unsafe('its list of files has no end')
    addEntry(plan, checkPath(key), value)
  }
  checkTogether(plan, unsafe)
  plan.files.sort((a, b) => a.blob.blockOffset - b.blob.blockOffset)
  return plan
}

function emptyPlan(): DrivePlan {
  return {
    root: 'folder',
    files: [],
    links: [],
    folders: [],
    bytes: 0,
    blocks: 0,
    blockBytes: null,
    clashes: []
  }
}

function checkPath(key: Buffer): string {
  const path = entryPath(key)
  if (path === null) throw unsafe('a name in it is not UTF-8 or not absolute')
  return checkName(path, unsafe)
}

function addEntry(plan: DrivePlan, path: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) throw unsafe(`the entry of '${path}' is malformed`)
  const { linkname, blob, executable, metadata } = value as Record<string, unknown>
  if (typeof linkname === 'string') {
    plan.links.push({ path, target: linkname })
    return
  }
  if (blob === null || blob === undefined) return // neither file nor link: data of another tool
  const id = checkBlob(path, blob)
  const size = id.byteLength
  plan.files.push({ path, size, executable: executable === true, blob: id, sha256: notedSum(metadata) })
  plan.bytes += size
  if (!Number.isSafeInteger(plan.bytes)) throw unsafe('it is larger than any disk')
  plan.blocks = Math.max(plan.blocks, id.blockOffset + id.blockLength)
}

function checkBlob(path: string, blob: object): BlobId {
  const { blockOffset, blockLength, byteOffset, byteLength, blockMap } = blob as Partial<BlobId>
  const numbers = [blockOffset, blockLength, byteOffset, byteLength]
  const whole = numbers.every(number => Number.isSafeInteger(number) && number! >= 0)
  if (!whole || !Number.isSafeInteger(blockOffset! + blockLength!)) {
    throw unsafe(`the entry of '${path}' is malformed`)
  }
  if (blockMap === true) {
    throw new BushelError(
      'UNSUPPORTED_DRIVE',
      `'${path}' uses shared blocks (a block map), which Bushel cannot restore; nothing was written`,
      'restore this drive with another Hyperdrive tool'
    )
  }
  if (byteLength! > 0 !== blockLength! > 0) throw unsafe(`the entry of '${path}' is malformed`)
  return {
    blockOffset: blockOffset!,
    blockLength: blockLength!,
    byteOffset: byteOffset!,
    byteLength: byteLength!
  }
}

function unsafe(what: string): BushelError {
  return new BushelError(
    'UNSAFE_DRIVE',
    `this drive is not safe to restore: ${what}`,
    'nothing was written; the maker of the link must make the drive again'
  )
}
