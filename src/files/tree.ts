import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import type { Dirent } from 'node:fs'
import { lstat, open, readdir, readlink, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { sumOfFiles } from '../../contracts/evidence/checksum.js'
import type { FileSum, TreeSum } from '../../contracts/evidence/checksum.js'
import { BushelError } from '../../contracts/errors/error.js'
import { codeOf } from './disk.js'
import type { LeftOut } from './left-out.js'
import { permissionsOf } from './modes.js'
import { EXCLUDED, IGNORE_FILE, Selection } from './selection.js'
import type { Choice } from './selection.js'
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
const SPECIAL = 'socket(s), pipe(s) and device(s)'
const SECRET = 'home(s) of Bushel, which hold keys'
/** What to do about a file of a mirror that cannot be read. */
export const LEAVE_OUT = 'nothing was paid; make it readable, or leave it out with --exclude'
const NOT_UTF8 = 'name(s) that are not UTF-8'

export interface TreeOptions {
  signal?: AbortSignal | undefined
  /** Without it, all is listed. */
  choice?: Choice
}

/** What a walk through a tree carries along. */
interface Walk extends TreeOptions {
  tree: Tree
}

/**
 * Lists everything under `path` (absolute, a file or a folder) that can be packed and restored, and is chosen. The rest is
 * left out and listed: what is excluded, homes, special files, empty folders, names that are not UTF-8, what is out of
 * bounds (`withinBounds`). A `path` that is itself a link is followed. Throws BAD_PATH for a path that does not exist, cannot
 * be read, is a special file, or lies in a home.
 */
export async function readTree(path: string, { signal, choice }: TreeOptions = {}): Promise<Tree> {
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
  await demandOutside(path, root, choice)
  const walk: Walk = { tree, signal, ...(choice && { choice }) }
  if (stats.isDirectory()) await readFolder(root, '', walk, choice && Selection.of(choice.exclude))
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
  tree.entries.sort((a, b) => byBytes(a.path, b.path))
  return tree
}

/** The order of the UTF-8 bytes of two paths, without a buffer for each: in UTF-16 only surrogates stand elsewhere. */
function byBytes(a: string, b: string): number {
  const end = Math.min(a.length, b.length)
  for (let i = 0; i < end; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (x !== y) return rankOf(x) - rankOf(y)
  }
  return a.length - b.length
}

function rankOf(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

async function readFolder(
  folder: string,
  prefix: string,
  walk: Walk,
  above: Selection | undefined
): Promise<void> {
  const { tree, signal, choice } = walk
  signal?.throwIfAborted()
  const hint = choice && LEAVE_OUT
  const { mode } = await lstat(folder).catch(cannot(folder, hint))
  const children = (await readdir(folder, { withFileTypes: true, encoding: 'buffer' }).catch(
    cannot(folder, hint)
  )) as unknown as Dirent<Buffer>[]
  const names = children.map(({ name }) => name.toString())
  if (await choice?.isSecret(folder, names)) return void tree.leftOut.push({ path: prefix, why: SECRET })
  if (children.length === 0 && prefix) tree.leftOut.push({ path: prefix, why: EMPTY_FOLDER })
  else tree.folderModes.set(prefix, permissionsOf(mode))
  const isIgnoring = children.some((child, i) => names[i] === IGNORE_FILE && child.isFile())
  const selection =
    isIgnoring && above ? await above.within(folder, prefix).catch(cannot(folder, hint)) : above
  const files: { path: string; source: string }[] = []
  for (const [i, child] of children.entries()) {
    const name = names[i]!
    const source = join(folder, name)
    const path = prefix ? `${prefix}/${name}` : name
    const leaveOut = (why: string): void => void tree.leftOut.push({ path, why })
    if (!Buffer.from(name).equals(child.name)) leaveOut(NOT_UTF8)
    else if (selection?.excludes(path, child.isDirectory())) leaveOut(EXCLUDED)
    else if (child.isDirectory()) await readFolder(source, path, walk, selection)
    else if (child.isFile()) files.push({ path, source })
    else if (child.isSymbolicLink()) {
      const target = await readlink(source, { encoding: 'buffer' }).catch(cannot(source, hint))
      if (Buffer.from(target.toString()).equals(target))
        tree.entries.push({ kind: 'link', path, target: target.toString() })
      else leaveOut('symbolic link(s) whose target is not UTF-8')
    } else leaveOut(SPECIAL)
  }
  for (let from = 0; from < files.length; from += LOOK_AT_ONCE) {
    const some = files.slice(from, from + LOOK_AT_ONCE)
    await Promise.all(some.map(({ path, source }) => addFile(path, source, tree)))
  }
}

/** Throws BAD_PATH for a path that is a home, or lies in one. */
async function demandOutside(path: string, root: string, choice: Choice | undefined): Promise<void> {
  if (!choice) return
  for (let folder = root; ; folder = dirname(folder)) {
    const names = await readdir(folder).catch(() => []) // a file, or not ours to read: then it is no home of ours
    if (await choice.isSecret(folder, names))
      throw new BushelError(
        'BAD_PATH',
        `'${path}' lies in a home of Bushel, whose keys must not leave this machine`,
        'the 24 words bring its identity back; nothing was packed'
      )
    if (folder === dirname(folder)) return
  }
}

async function addFile(path: string, source: string, tree: Tree): Promise<void> {
  const stats = await lstat(source).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null // removed since its folder was read
    throw unreadable(source, error)
  })
  if (stats === null) return void tree.leftOut.push({ path, why: CHANGING })
  if (!stats.isFile()) return void tree.leftOut.push({ path, why: SPECIAL })
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
function cannot(path: string, hint = ''): (error: unknown) => never {
  return error => {
    if (error instanceof BushelError) throw error
    throw unreadable(path, error, hint)
  }
}

/** The BAD_PATH error that says why `path` cannot be read. */
export function unreadable(path: string, error: unknown, hint = ''): BushelError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const why =
    code === 'ENOENT' || code === 'ENOTDIR'
      ? 'does not exist'
      : code === 'EACCES' || code === 'EPERM'
        ? 'cannot be read: permission denied'
        : code === 'ELOOP'
          ? 'cannot be read: it is a link to itself'
          : `cannot be read: ${error instanceof Error ? error.message : String(error)}`
  return new BushelError('BAD_PATH', `'${path}' ${why}`, hint).withCause(error)
}

/**
 * The checksum of the tree at `path`. A single file is a tree of one file under its base name, or under `name` when it
 * was restored under another name.
 */
export async function checksumOfTree(
  path: string,
  { name, signal }: { name?: string; signal?: AbortSignal } = {}
): Promise<TreeSum> {
  const tree = await readTree(path, { signal })
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
