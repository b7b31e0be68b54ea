import { BushelError } from '../../contracts/errors/error.js'
import { breathe } from '../base/steps.js'
import type { LeftOut } from './left-out.js'
import { targetInside } from './link-target.js'

// What a tree may contain. Packing and restoring use the same bounds, so that what is packed can always be restored.

/** Longest name and path that common file systems accept, bytes; a path leaves room for its destination. */
export const MAX_NAME = 255
const MAX_PATH = 3500

/** Most files and links of a tree: packing and restoring hold a record of each in memory. */
export const MOST_ENTRIES = 1 << 18
/** Most folders above an entry. */
const MAX_DEPTH = 256
/** Most folders of a tree, and more of one with many entries: each takes room on a disk. */
const FREE_FOLDERS = 1 << 14
const FOLDERS_PER_ENTRY = 2

/** Paths, links and folders that are looked at before the event loop gets a turn. */
export const PATHS_PER_TURN = 4096
const LINKS_PER_TURN = 16
const FOLDERS_PER_TURN = 4096

/** What no link may point to. */
const NOWHERE = ''

export interface Bounded {
  path: string
  /** Of a symbolic link. */
  target?: string
}

/**
 * Separates the entries of a tree that can be written from those that cannot: a path that leads out of the tree or that
 * file systems do not accept, a link that leads out of the tree or through an entry that is left out, and what is in the
 * place of a folder. The entries that are left pass again, whatever the others were. Rejects with TOO_LARGE when there are
 * more folders than a tree of so many entries may have.
 */
export async function withinBounds<E extends Bounded>(
  entries: readonly E[]
): Promise<{ kept: E[]; leftOut: LeftOut[] }> {
  const reasons = new Map<E, string>()
  for (const [i, entry] of entries.entries()) {
    if (i % PATHS_PER_TURN === 0) await breathe()
    const fault = faultOfPath(entry.path)
    if (fault) reasons.set(entry, fault)
  }
  const folders = await foldersOf(entries.filter(entry => !reasons.has(entry)).map(({ path }) => path))
  for (const entry of entries)
    if (folders.has(entry.path) && !reasons.has(entry)) reasons.set(entry, 'path(s) that are file and folder')
  // A link through one that is left out would resolve otherwise without it, so it leads nowhere.
  const links = new Map<string, string>()
  for (const entry of entries)
    if (entry.target !== undefined) links.set(entry.path, reasons.has(entry) ? NOWHERE : entry.target)
  let walked = 0
  for (const entry of entries) {
    if (entry.target !== undefined && ++walked % LINKS_PER_TURN === 0) await breathe()
    if (entry.target !== undefined && !reasons.has(entry) && targetInside(entry.path, links) === null)
      reasons.set(entry, 'symbolic link(s) that leave the tree')
  }
  return {
    kept: entries.filter(entry => !reasons.has(entry)),
    leftOut: [...reasons].map(([{ path }, why]) => ({ path, why }))
  }
}

/**
 * All folders that hold these paths, parents before children; without the root. Rejects with TOO_LARGE when there are more
 * than a tree of so many entries may have.
 */
export async function foldersOf(paths: readonly string[]): Promise<Set<string>> {
  const most = FREE_FOLDERS + FOLDERS_PER_ENTRY * paths.length
  const folders = new Set<string>()
  let looked = 0
  for (const path of paths) {
    const fresh: string[] = []
    for (let end = path.lastIndexOf('/'); end !== -1; end = path.lastIndexOf('/', end - 1)) {
      if (++looked % FOLDERS_PER_TURN === 0) await breathe()
      const folder = path.slice(0, end)
      if (folders.has(folder)) break // and so are those above it
      fresh.push(folder)
    }
    for (const folder of fresh.reverse()) folders.add(folder)
    if (folders.size > most) throw tooManyFolders(most)
  }
  return folders
}

function tooManyFolders(most: number): BushelError {
  return new BushelError(
    'TOO_LARGE',
    `the tree has more than ${most} folders; nothing was written`,
    'make a link of fewer folders, or pack them in an archive'
  )
}

/** Why a path cannot be written, as a noun phrase; null when it can. */
function faultOfPath(path: string): string | null {
  if (path.includes('\0')) return 'name(s) with a NUL character'
  if (process.platform === 'win32' && /[\\:]/.test(path))
    return 'name(s) with a character that Windows refuses'
  if (Buffer.byteLength(path) > MAX_PATH) return `path(s) longer than ${MAX_PATH} bytes`
  const names = path.split('/')
  if (names.length > MAX_DEPTH + 1) return `path(s) in more than ${MAX_DEPTH} folders`
  for (const name of names) {
    if (name === '' || name === '.' || name === '..') return 'path(s) that lead out of the folder'
    if (Buffer.byteLength(name) > MAX_NAME) return `name(s) longer than ${MAX_NAME} bytes`
  }
  return null
}
