import { randomBytes } from 'node:crypto'
import type Corestore from 'corestore'
import Hyperdrive from 'hyperdrive'
import type { DriveEntry } from 'hyperdrive'
import type Hypercore from 'hypercore'
import type { CoreLimit, SealedCore } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatLink } from '../../../contracts/keys/link.js'
import type { Link } from '../../../contracts/keys/link.js'
import { MIB } from '../../../contracts/money/quantity.js'
import { isHomeFolder } from '../../identity/home-folder.js'
import { eraseCore } from '../../network/cores.js'
import { sealOf } from '../lease/audit.js'
import { PackedFiles } from './packed-files.js'
import type { PackedFile } from './packed-files.js'
import { explainFull } from '../../files/disk.js'
import { BLOCK_BYTES, encodeNote, entryKey, folderKey } from './format.js'
import type { FolderEntry } from './format.js'
import { observeCiphertext } from './observed-encryption.js'
import { oneAhead, readFiles } from './read-files.js'
import type { Portion } from './read-files.js'
import { leftOutNotes } from '../../files/left-out.js'
import { MOST_ENTRIES, foldersOf } from '../../files/tree-bounds.js'
import { CHANGING, EMPTY_FOLDER, readTree } from '../../files/tree.js'
import type { Tree, TreeLink } from '../../files/tree.js'

/** Most blocks and bytes of one append. */
const APPEND_BLOCKS = 512
const APPEND_BYTES = 4 * MIB
/** Entries in one batch of the Hyperbee, which keeps kilobytes of each until it is written. */
const BATCH_ENTRIES = 1024

export interface PackProgress {
  files: number
  bytes: number
  totalFiles: number
  totalBytes: number
}

export interface PackOptions {
  /** Absolute path of a file or folder. */
  path: string
  store: Corestore
  /** Name of the drive in the store, new there; `discardPack` removes an incomplete drive by it. */
  name: string
  /** Patterns of what is left out. */
  exclude?: readonly string[]
  onProgress?: (progress: PackProgress) => void
  /** Called with the ciphertext of the entries (core 0) and of the blobs (core 1) as it is written. */
  onciphertext?: (core: number, offset: number, block: Buffer) => void
  signal?: AbortSignal
}

export interface PackResult extends Link {
  link: string
  files: number
  bytes: number
  /** Ciphertext bytes of all cores: the size that is agreed, uploaded and billed (plus 128 bytes a block). */
  storedBytes: number
  /** The entries core, then the blobs core unless it is empty; sizes are of the ciphertext. */
  cores: CoreLimit[]
  /** The same with their tree hashes. */
  seals: SealedCore[]
  /** Checksum of the tree, hex, computed while packing. */
  sha256: string
  /** One line for each kind of entry that was left out, with names. */
  notes: string[]
  seconds: number
}

/**
 * Packs a file or folder into a new encrypted Hyperdrive. Reads a file that stands still once, and keeps only a few MiB in
 * memory. Any Hyperdrive tool opens the drive with the link's keys. Throws errors of `readTree` and `readFiles`,
 * TOO_LARGE, PACK_EXISTS, FILE_CHANGED, BAD_PATH when everything is left out, DISK_FULL, or the signal's reason; then remove the
 * incomplete drive with `discardPack`.
 */
export async function pack({
  path,
  store,
  name,
  exclude = [],
  onProgress,
  onciphertext,
  signal
}: PackOptions): Promise<PackResult> {
  const begun = performance.now()
  const tree = await readTree(path, { signal, choice: { exclude, isSecret: isHomeFolder } })
  if (tree.entries.length > MOST_ENTRIES) throw tooMany(path, tree.entries.length)
  await assertNew(store, name)
  const encryptionKey = randomBytes(32)
  const drive = new Hyperdrive(store.namespace(name), { encryptionKey })
  try {
    await drive.ready()
    const blobs = (await drive.getBlobs())!.core
    if (onciphertext) {
      await observeCiphertext(drive.db.core, (offset, block) => onciphertext(0, offset, block))
      await observeCiphertext(blobs, (offset, block) => onciphertext(1, offset, block))
    }
    const done = await appendFiles(tree, blobs, onProgress, signal)
    demandContent(tree, done.size, path)
    await putEntries(drive, tree, done)
    const keys = blobs.length > 0 ? [drive.key, blobs.key] : [drive.key]
    const seals = await Promise.all(keys.map(key => sealBlind(store, key)))
    return {
      key: drive.key,
      encryptionKey,
      link: formatLink({ key: drive.key, encryptionKey }),
      ...done.sum(),
      storedBytes: seals.reduce((sum, seal) => sum + seal.byteLength, 0),
      cores: seals.map(({ key, length, byteLength }) => ({ key, length, byteLength })),
      seals,
      notes: leftOutNotes(tree.leftOut),
      seconds: (performance.now() - begun) / 1000
    }
  } catch (error) {
    throw explainFull(error, store.storage.path as string, 'nothing of this was kept or paid')
  } finally {
    await drive.close()
  }
}

/** Removes a complete or incomplete drive from its store and frees its disk space. */
export async function discardPack(store: Corestore, name: string): Promise<void> {
  for (const core of await coresOf(store, name)) await eraseCore(store, core)
}

/** Entries core and blobs core of a drive, opened without the encryption key; they may be empty. */
async function coresOf(store: Corestore, name: string): Promise<[Hypercore, Hypercore]> {
  const entries = store.namespace(name).get({ name: 'db', active: false })
  await entries.ready()
  const blobs = store.get({ key: Hyperdrive.getContentKey(entries), active: false })
  await blobs.ready()
  return [entries, blobs]
}

async function assertNew(store: Corestore, name: string): Promise<void> {
  const cores = await coresOf(store, name)
  const lengths = cores.map(core => core.length)
  for (const core of cores) await core.close()
  if (lengths.some(length => length > 0)) {
    throw new BushelError('PACK_EXISTS', `a drive named ${name} is already packed in this store`)
  }
}

/**
 * Appends the files' blocks to the blobs core in batches; reads the next batch while the last one is written. Adds files
 * that never stood still to what the tree leaves out.
 */
async function appendFiles(
  tree: Tree,
  blobs: Hypercore,
  onProgress: PackOptions['onProgress'],
  signal: AbortSignal | undefined
): Promise<PackedFiles> {
  const files = tree.entries.filter(entry => entry.kind === 'file')
  const done = new PackedFiles(files)
  let batch: Buffer[] = []
  let batchBytes = 0
  let appended: Promise<unknown> = Promise.resolve()
  let start = { block: 0, byte: 0 }
  const at = { block: 0, byte: 0 }

  const flush = async (): Promise<void> => {
    await appended
    onProgress?.({ files: done.size, bytes: at.byte, totalFiles: tree.files, totalBytes: tree.bytes })
    if (batch.length === 0) return
    appended = blobs.append(batch)
    appended.catch(() => undefined) // awaited, and thrown, in the next flush
    batch = []
    batchBytes = 0
  }

  /** Takes back the blocks of the file that is being read. Nobody has seen them, so the core keeps its fork. */
  const takeBack = async (): Promise<void> => {
    if (at.block === start.block) return
    await flush()
    await appended
    if (blobs.length > start.block) await blobs.truncate(start.block, { fork: blobs.fork })
    Object.assign(at, start)
  }

  const take = async (portion: Portion): Promise<void> => {
    const { file } = portion
    if (portion.step !== 'blocks') {
      await takeBack()
      if (portion.step === 'left out') tree.leftOut.push({ path: file.path, why: CHANGING })
      return
    }
    const { blocks, end } = portion
    for (const block of blocks) {
      batch.push(block)
      batchBytes += block.byteLength
      at.block++
      at.byte += block.byteLength
    }
    if (batch.length >= APPEND_BLOCKS || batchBytes >= APPEND_BYTES) await flush()
    if (end === null) return
    done.add(file, {
      sha256: end.sha256,
      mode: end.mode,
      blob: {
        blockOffset: start.block,
        blockLength: at.block - start.block,
        byteOffset: start.byte,
        byteLength: at.byte - start.byte
      }
    })
    start = { ...at }
  }

  try {
    for await (const portion of oneAhead(readFiles(files))) {
      signal?.throwIfAborted()
      await take(portion)
    }
    await flush()
  } finally {
    await appended // also after an error, so that nothing is written after the return
  }
  return done
}

/** Writes all entries into the Hyperbee in Hyperdrive's format, in batches. */
async function putEntries(drive: Hyperdrive, tree: Tree, done: PackedFiles): Promise<void> {
  const userData = encodeNote({ bushel: 1, root: tree.root, blockBytes: BLOCK_BYTES })
  drive.db.metadata = { contentFeed: null, userData }
  const encodings = { keyEncoding: 'binary', valueEncoding: 'json' } as const
  const rows = rowsOf(tree, done)
  let next = await rows.next()
  do {
    const batch = drive.db.batch()
    await batch.getRoot(true) // writes the header, also without entries
    for (let put = 0; put < BATCH_ENTRIES && !next.done; put++, next = await rows.next())
      await batch.put(next.value[0], next.value[1], encodings)
    await batch.flush()
  } while (!next.done)
}

/** The entries of files and links, then those of their folders. */
async function* rowsOf(tree: Tree, done: PackedFiles): AsyncGenerator<[Buffer, DriveEntry | FolderEntry]> {
  const paths: string[] = []
  const packed = done[Symbol.iterator]()
  for (const entry of tree.entries) {
    const value = entry.kind === 'link' ? linkEntry(entry) : fileEntry(packed.next().value ?? null)
    if (!value) continue
    paths.push(entry.path)
    yield [entryKey(entry.path), value]
  }
  if (tree.root === 'file') return
  for (const folder of ['', ...(await foldersOf(paths))]) {
    const mode = tree.folderModes.get(folder)
    if (mode !== undefined) yield [folderKey(folder), { mode }]
  }
}

function linkEntry({ target }: TreeLink): DriveEntry {
  return { executable: false, linkname: target, blob: null, metadata: null }
}

/** Null for a file that is left out. */
function fileEntry(packed: PackedFile | null): DriveEntry | null {
  if (!packed) return null
  const { mode, blob, sha256 } = packed
  return { executable: (mode & 0o100) !== 0, linkname: null, blob, metadata: { sha256, mode } }
}

/** Throws when everything that a path has is left out, so that nobody pays for nothing. */
function demandContent({ root, entries, leftOut }: Tree, files: number, path: string): void {
  if (files > 0 || entries.some(({ kind }) => kind === 'link')) return
  if (root === 'file') throw changed(path)
  const bad = leftOut.filter(({ why }) => why !== EMPTY_FOLDER)
  if (bad.length === 0) return
  throw new BushelError(
    'BAD_PATH',
    `nothing of '${path}' can be packed: ${leftOutNotes(bad).join('; ')}`,
    'nothing was kept or paid'
  )
}

function changed(path: string): BushelError {
  return new BushelError(
    'FILE_CHANGED',
    `'${path}' changed each time that it was read`,
    'nothing was kept or paid; try again when no program writes to the file'
  )
}

/** The seal of a core that is complete in the store, opened by its key alone. */
async function sealBlind(store: Corestore, key: Buffer): Promise<SealedCore> {
  const core = store.get({ key, active: false })
  try {
    await core.ready()
    return await sealOf(core)
  } finally {
    await core.close()
  }
}

function tooMany(path: string, entries: number): BushelError {
  return new BushelError(
    'TOO_LARGE',
    `${path} has ${entries} files and links, more than the ${MOST_ENTRIES} of one link; nothing was kept`,
    'pack them in an archive, or mirror its folders one by one'
  )
}
