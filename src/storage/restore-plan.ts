import type Hyperdrive from 'hyperdrive'
import type { BlobId } from 'hyperblobs'
import { BushelError } from '../../contracts/errors.js'
import { ENTRY_RANGE, decodeNote, entryPath, notedSum } from './pack-format.js'
import type { DriveNote } from './pack-format.js'
import { targetInside } from './tree-link.js'

/** Longest name and path that file systems commonly take, in bytes. */
const MAX_NAME = 255
const MAX_PATH = 3500

export interface PlannedFile {
  path: string
  size: number
  executable: boolean
  blob: BlobId
  /** Hex, where the drive names it. */
  sha256: string | null
}

export interface PlannedLink {
  path: string
  target: string
}

/** What a drive holds, checked: no path or link in it leads out of the tree. */
export interface Plan {
  root: DriveNote['root']
  /** In the order in which their blocks lie. */
  files: PlannedFile[]
  links: PlannedLink[]
  /** Folders that the files and links stand in, parents first. */
  folders: string[]
  bytes: number
  /** Length of the blobs core that holds it all. */
  blocks: number
  /** Of every block of a file but its last; null where it cannot be known. */
  blockBytes: number | null
  /** Paths that are one path to a file system that does not tell upper case from lower, or é from e and an accent. */
  clashes: [string, string][]
}

/**
 * Reads the entries of a drive, all of whose entries core must be here. A drive is written by a stranger: throws
 * UNSAFE_DRIVE on anything that would write or point outside the tree, or that a file system cannot hold.
 */
export async function readPlan(drive: Hyperdrive): Promise<Plan> {
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
  checkTogether(plan)
  plan.files.sort((a, b) => a.blob.blockOffset - b.blob.blockOffset)
  return plan
}

/** Of files that come from elsewhere than a drive, whose paths are checked as those of a drive are. */
export function planOfFiles(files: readonly Omit<PlannedFile, 'blob'>[]): Plan {
  const plan = emptyPlan()
  for (const file of files) {
    checkName(file.path)
    plan.files.push({ ...file, blob: NOWHERE })
    plan.bytes += file.size
  }
  checkTogether(plan)
  return plan
}

const NOWHERE: BlobId = { blockOffset: 0, blockLength: 0, byteOffset: 0, byteLength: 0 }

function emptyPlan(): Plan {
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
  return checkName(path)
}

function checkName(path: string): string {
  const shown = JSON.stringify(path.slice(0, 80))
  if (path.includes('\0')) throw unsafe(`the name ${shown} has a NUL`)
  if (process.platform === 'win32' && /[\\:]/.test(path))
    throw unsafe(`the name ${shown} means more on Windows`)
  if (Buffer.byteLength(path) > MAX_PATH) throw unsafe(`the path ${shown}… is too long`)
  for (const name of path.split('/')) {
    if (name === '' || name === '.' || name === '..') throw unsafe(`the path ${shown} leads elsewhere`)
    if (Buffer.byteLength(name) > MAX_NAME) throw unsafe(`a name in ${shown}… is too long`)
  }
  return path
}

function addEntry(plan: Plan, path: string, value: unknown): void {
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
    throw BushelError.failed(
      `'${path}' is kept as a list of shared blocks, which cannot be restored`,
      'restore this drive with another Hyperdrive tool',
      'UNSUPPORTED_DRIVE'
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

/** What is wrong with entries only beside one another. */
function checkTogether(plan: Plan): void {
  const paths = [...plan.files, ...plan.links].map(({ path }) => path)
  const all = new Set(paths)
  const folders = new Set<string>()
  const folded = new Map<string, string>()
  for (const path of paths) {
    for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) {
      const folder = path.slice(0, end)
      if (all.has(folder)) throw unsafe(`'${folder}' is both a folder and not one`)
      folders.add(folder)
    }
    const fold = path.normalize('NFC').toLowerCase()
    const other = folded.get(fold)
    if (other !== undefined) plan.clashes.push([other, path])
    folded.set(fold, path)
  }
  plan.folders = [...folders].sort((a, b) => a.length - b.length)
  const links = new Map(plan.links.map(({ path, target }) => [path, target]))
  for (const { path } of plan.links) {
    if (targetInside(path, links) === null) throw unsafe(`the link '${path}' leads out of it`)
  }
  if (plan.root === 'file' && (plan.links.length > 0 || plan.files.length !== 1 || plan.folders.length > 0)) {
    throw unsafe('it says that it is one file, and is not')
  }
}

function unsafe(what: string): BushelError {
  return BushelError.failed(
    `this drive is not safe to restore: ${what}`,
    'nothing was written; whoever made the link made it so',
    'UNSAFE_DRIVE'
  )
}
