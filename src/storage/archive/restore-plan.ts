import type Hyperdrive from 'hyperdrive'
import type { BlobId } from 'hyperblobs'
import { BushelError } from '../../../contracts/errors/error.js'
import { checkName, checkTogether } from '../../files/tree-plan.js'
import type { PlannedFile, TreePlan } from '../../files/tree-plan.js'
import { ENTRY_RANGE, decodeNote, entryPath, notedSum } from './format.js'
import type { DriveNote } from './format.js'

/** A file of a drive, and where its bytes lie in the blobs core. */
export interface DriveFile extends PlannedFile {
  blob: BlobId
}

/** What a drive holds, checked: no path or link in it leads out of the tree. */
export interface DrivePlan extends TreePlan<DriveFile> {
  root: DriveNote['root']
  /** Length of the blobs core that holds it all. */
  blocks: number
  /** Of every block of a file but its last; null where it cannot be known. */
  blockBytes: number | null
}

/**
 * Reads the entries of a drive, all of whose entries core must be here. A drive is written by a stranger: throws
 * UNSAFE_DRIVE on anything that would write or point outside the tree, or that a file system cannot hold.
 */
export async function readPlan(drive: Hyperdrive): Promise<DrivePlan> {
  const note = decodeNote((await drive.db.getHeader())?.metadata?.userData)
  const plan = emptyPlan()
  plan.root = note?.root ?? 'folder'
  plan.blockBytes = note?.blockBytes ?? null
  const encodings = { keyEncoding: 'binary', valueEncoding: 'json' } as const
  let entries = 0
  for await (const { key, value } of drive.db.createReadStream(ENTRY_RANGE, encodings)) {
    // every entry is a block of its own: more of them is a tree that turns in a circle
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
  if (blob === null || blob === undefined) return // neither file nor link: other tools keep notes so
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
      `'${path}' is kept as a list of shared blocks, which cannot be restored`,
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
    'nothing was written; whoever made the link made it so'
  )
}
