import type { LeftOut } from './left-out.js'
import { targetInside } from './link-target.js'

// What a tree may contain. Packing and restoring use the same bounds, so that what is packed can always be restored.

/** Longest name and path that common file systems accept, bytes; a path leaves room for its destination. */
export const MAX_NAME = 255
const MAX_PATH = 3500

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
 * place of a folder. The entries that are left pass again, whatever the others were.
 */
export function withinBounds<E extends Bounded>(entries: readonly E[]): { kept: E[]; leftOut: LeftOut[] } {
  const reasons = new Map<E, string>()
  for (const entry of entries) {
    const fault = faultOfPath(entry.path)
    if (fault) reasons.set(entry, fault)
  }
  const folders = foldersOf(entries.filter(entry => !reasons.has(entry)).map(({ path }) => path))
  for (const entry of entries)
    if (folders.has(entry.path) && !reasons.has(entry)) reasons.set(entry, 'path(s) that are file and folder')
  // A link through one that is left out would resolve otherwise without it, so it leads nowhere.
  const links = new Map<string, string>()
  for (const entry of entries)
    if (entry.target !== undefined) links.set(entry.path, reasons.has(entry) ? NOWHERE : entry.target)
  for (const entry of entries) {
    if (entry.target !== undefined && !reasons.has(entry) && targetInside(entry.path, links) === null)
      reasons.set(entry, 'symbolic link(s) that leave the tree')
  }
  return {
    kept: entries.filter(entry => !reasons.has(entry)),
    leftOut: [...reasons].map(([{ path }, why]) => ({ path, why }))
  }
}

/** All folders that hold these paths, parents before children; without the root. */
export function foldersOf(paths: Iterable<string>): Set<string> {
  const folders = new Set<string>()
  for (const path of paths)
    for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1))
      folders.add(path.slice(0, end))
  return folders
}

/** Why a path cannot be written, as a noun phrase; null when it can. */
function faultOfPath(path: string): string | null {
  if (path.includes('\0')) return 'name(s) with a NUL character'
  if (process.platform === 'win32' && /[\\:]/.test(path))
    return 'name(s) with a character that Windows refuses'
  if (Buffer.byteLength(path) > MAX_PATH) return `path(s) longer than ${MAX_PATH} bytes`
  for (const name of path.split('/')) {
    if (name === '' || name === '.' || name === '..') return 'path(s) that lead out of the folder'
    if (Buffer.byteLength(name) > MAX_NAME) return `name(s) longer than ${MAX_NAME} bytes`
  }
  return null
}
