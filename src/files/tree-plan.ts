import { targetInside } from './link-target.js'

/** Longest name and path that file systems commonly take, in bytes. */
const MAX_NAME = 255
const MAX_PATH = 3500

export interface PlannedFile {
  path: string
  size: number
  executable: boolean
  /** Hex, where it is known. */
  sha256: string | null
}

export interface PlannedLink {
  path: string
  target: string
}

/** A tree to be written: no path or link in it leads out of it. */
export interface TreePlan<F extends PlannedFile = PlannedFile> {
  root: 'file' | 'folder'
  /** In the order in which they are written. */
  files: F[]
  links: PlannedLink[]
  /** Folders that the files and links stand in, parents first. */
  folders: string[]
  bytes: number
  /** Paths that are one path to a file system that does not tell upper case from lower, or é from e and an accent. */
  clashes: [string, string][]
}

/** Makes the error for a tree that must not be written, from one line that says what is wrong with it. */
export type Unsafe = (what: string) => Error

/** Of files that come from elsewhere than a drive, whose paths are checked as those of a drive are. */
export function planOfFiles(files: readonly PlannedFile[], unsafe: Unsafe): TreePlan {
  for (const file of files) checkName(file.path, unsafe)
  const bytes = files.reduce((sum, { size }) => sum + size, 0)
  const plan: TreePlan = { root: 'folder', files: [...files], links: [], folders: [], bytes, clashes: [] }
  checkTogether(plan, unsafe)
  return plan
}

/** Throws what `unsafe` makes on a path that leads elsewhere, or that a file system cannot hold. */
export function checkName(path: string, unsafe: Unsafe): string {
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

/** What is wrong with entries only beside one another. */
export function checkTogether(plan: TreePlan, unsafe: Unsafe): void {
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
