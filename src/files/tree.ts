import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import type { Dirent } from 'node:fs'
import { lstat, open, readdir, readlink, realpath, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { sumOfFiles } from '../../contracts/evidence/checksum.js'
import type { FileSum, TreeSum } from '../../contracts/evidence/checksum.js'
import { BushelError } from '../../contracts/errors/error.js'
import { codeOf } from './disk.js'
import type { LeftOut } from './left-out.js'
import { permissionsOf } from './modes.js'
import { withinBounds } from './tree-bounds.js'

/** How many files of a folder are examined at the same time. */
const LOOK_AT_ONCE = 64

export interface TreeFile {
  kind: 'file'
  /** Relative to the root, with `/`; the base name when the tree is a single file. */
  path: string
  /** Absolute path on this machine. */
  source: string
  size: number
  /** Permission bits. */
  mode: number
  /** Time of its last change, of content or otherwise, ms since 1970. */
  changed: number
}

export interface TreeLink {
  kind: 'link'
  path: string
  /** The content of the link, a relative path. */
  target: string
}

export type TreeEntry = TreeFile | TreeLink

export interface Tree {
  /** A single file, or a folder. */
  root: 'file' | 'folder'
  /** Files and links, sorted by the UTF-8 bytes of their paths. */
  entries: TreeEntry[]
  files: number
  bytes: number
  /** Permission bits of its folders by path, '' for the root. */
  folderModes: Map<string, number>
  /** What cannot be packed, among it empty folders, which a Hyperdrive cannot store. */
  leftOut: LeftOut[]
}

export const EMPTY_FOLDER = 'empty folder(s)'
export const CHANGING = 'file(s) that changed while they were read'

/**
 * Lists everything under `path` (absolute, a file or a folder) that can be packed and restored. What is out of bounds
 * (`withinBounds`), and empty folders, are left out and listed; a `path` that is itself a link is followed. Throws BAD_PATH
 * for a path that does not exist, cannot be read, or is a special file, and BAD_NAME for a name that is not UTF-8.
 */
export async function readTree(path: string, signal?: AbortSignal): Promise<Tree> {
  const root = await realpath(path).catch(cannot(path))
  const stats = await stat(root).catch(cannot(path))
  const tree: Tree = {
    root: stats.isDirectory() ? 'folder' : 'file',
    entries: [],
    files: 0,
    bytes: 0,
    folderModes: new Map(),
    leftOut: []
  }
  if (stats.isDirectory()) await readFolder(root, '', tree, signal)
  else if (stats.isFile()) await addFile(basename(path), root, tree)
  else throw special(path)
  const { kept, leftOut } = await withinBounds(tree.entries)
  tree.entries = kept
  tree.leftOut = [...leftOut, ...tree.leftOut]
  for (const entry of kept) {
    if (entry.kind === 'link') continue
    tree.files++
    tree.bytes += entry.size
  }
  const keys = new Map(tree.entries.map(entry => [entry, Buffer.from(entry.path)]))
  tree.entries.sort((a, b) => Buffer.compare(keys.get(a)!, keys.get(b)!))
  return tree
}

async function readFolder(
  folder: string,
  prefix: string,
  tree: Tree,
  signal: AbortSignal | undefined
): Promise<void> {
  signal?.throwIfAborted()
  const { mode } = await lstat(folder).catch(cannot(folder))
  const children = await readdir(folder, { withFileTypes: true, encoding: 'buffer' }).catch(cannot(folder))
  if (children.length === 0 && prefix) tree.leftOut.push({ path: prefix, why: EMPTY_FOLDER })
  else tree.folderModes.set(prefix, permissionsOf(mode))
  const files: { path: string; source: string }[] = []
  for (const child of children as unknown as Dirent<Buffer>[]) {
    const name = child.name.toString()
    const source = join(folder, name)
    if (!Buffer.from(name).equals(child.name)) {
      throw new BushelError('BAD_NAME', `'${source}' has a name that is not UTF-8`, 'rename it')
    }
    const path = prefix ? `${prefix}/${name}` : name
    if (child.isDirectory()) await readFolder(source, path, tree, signal)
    else if (child.isFile()) files.push({ path, source })
    else if (child.isSymbolicLink()) {
      const target = await readlink(source, { encoding: 'buffer' }).catch(cannot(source))
      if (Buffer.from(target.toString()).equals(target))
        tree.entries.push({ kind: 'link', path, target: target.toString() })
      else tree.leftOut.push({ path, why: 'symbolic link(s) whose target is not UTF-8' })
    } else throw special(source)
  }
  for (let from = 0; from < files.length; from += LOOK_AT_ONCE) {
    const some = files.slice(from, from + LOOK_AT_ONCE)
    await Promise.all(some.map(({ path, source }) => addFile(path, source, tree)))
  }
}

async function addFile(path: string, source: string, tree: Tree): Promise<void> {
  const stats = await lstat(source).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null // removed since its folder was read
    throw unreadable(source, error)
  })
  if (stats === null) return void tree.leftOut.push({ path, why: CHANGING })
  if (!stats.isFile()) throw special(source)
  const { size, ctimeMs } = stats
  tree.entries.push({ kind: 'file', path, source, size, mode: permissionsOf(stats.mode), changed: ctimeMs })
}

function special(path: string): BushelError {
  return new BushelError(
    'BAD_PATH',
    `'${path}' is neither a file, a folder nor a link`,
    'sockets, pipes and devices cannot be packed'
  )
}

/** A handler that throws BAD_PATH for the error of a system call on `path`. */
function cannot(path: string): (error: unknown) => never {
  return error => {
    throw unreadable(path, error)
  }
}

/** The BAD_PATH error that says why `path` cannot be read. */
export function unreadable(path: string, error: unknown): BushelError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const why =
    code === 'ENOENT' || code === 'ENOTDIR'
      ? 'does not exist'
      : code === 'EACCES' || code === 'EPERM'
        ? 'cannot be read: permission denied'
        : code === 'ELOOP'
          ? 'cannot be read: it is a link to itself'
          : `cannot be read: ${error instanceof Error ? error.message : String(error)}`
  return new BushelError('BAD_PATH', `'${path}' ${why}`).withCause(error)
}

/**
 * The checksum of the tree at `path`. A single file is a tree of one file under its base name, or under `name` when it
 * was restored under another name.
 */
export async function checksumOfTree(
  path: string,
  { name, signal }: { name?: string; signal?: AbortSignal } = {}
): Promise<TreeSum> {
  const tree = await readTree(path, signal)
  const sums: FileSum[] = []
  for (const entry of tree.entries) {
    if (entry.kind !== 'file') continue
    const { sha256, size } = await sumOfFile(entry.source, signal)
    sums.push({ path: tree.root === 'file' && name !== undefined ? name : entry.path, size, sha256 })
  }
  return sumOfFiles(sums)
}

/** SHA-256 (hex) and size of one file. Throws BAD_PATH, also for a link. */
export async function sumOfFile(
  source: string,
  signal?: AbortSignal
): Promise<{ sha256: string; size: number }> {
  const hash = createHash('sha256')
  const file = await open(source, constants.O_RDONLY | constants.O_NOFOLLOW).catch(cannot(source))
  try {
    const buffer = Buffer.allocUnsafe(1 << 20)
    let size = 0
    for (;;) {
      signal?.throwIfAborted()
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, null).catch(cannot(source))
      if (bytesRead === 0) return { sha256: hash.digest('hex'), size }
      hash.update(buffer.subarray(0, bytesRead))
      size += bytesRead
    }
  } finally {
    await file.close()
  }
}
