import { targetInside } from './link-target.js'
import { MAX_NAME, MAX_PATH } from './tree-bounds.js'

export interface PlannedFile {
  path: string
  size: number
  executable: boolean
  /** Hex; null when it is not known yet. */
  sha256: string | null
}

export interface PlannedLink {
  path: string
  target: string
}

/** A tree to be written. No path and no link in it leads out of it. */
export interface TreePlan<F extends PlannedFile = PlannedFile> {
  root: 'file' | 'folder'
  /** Files, in the order in which they are written. */
  files: F[]
  links: PlannedLink[]
  /** Folders of the files and links, parents first. */
  folders: string[]
  bytes: number
  /** Pairs of paths that differ only in case, or in how accents are encoded; some file systems take them for one path. */
  clashes: [string, string][]
}

/** Creates the error for a tree that must not be written, from one line that says why. */
export type Unsafe = (what: string) => Error

/** Plans a tree of files that do not come from a drive. Throws the error of `unsafe` for a dangerous path. */
export function planOfFiles(files: readonly PlannedFile[], unsafe: Unsafe): TreePlan {
  for (const file of files) checkName(file.path, unsafe)
  const bytes = files.reduce((sum, { size }) => sum + size, 0)
  const plan: TreePlan = { root: 'folder', files: [...files], links: [], folders: [], bytes, clashes: [] }
  checkTogether(plan, unsafe)
  return plan
}

/** Throws the error of `unsafe` for a path that leads out of the tree, or that file systems do not accept. */
export function checkName(path: string, unsafe: Unsafe): string {
  const shown = JSON.stringify(path.slice(0, 80))
  if (path.includes('\0')) throw unsafe(`the name ${shown} has a NUL character`)
  if (process.platform === 'win32' && /[\\:]/.test(path))
    throw unsafe(`the name ${shown} has a character that is special on Windows`)
  if (Buffer.byteLength(path) > MAX_PATH) throw unsafe(`the path ${shown}… is too long`)
  for (const name of path.split('/')) {
    if (name === '' || name === '.' || name === '..')
      throw unsafe(`the path ${shown} leads out of the folder`)
    if (Buffer.byteLength(name) > MAX_NAME) throw unsafe(`a name in ${shown}… is too long`)
  }
  return path
}

/** Checks entries against each other: clashes, links, and files in place of folders. Fills in `folders` and `clashes`. */
export function checkTogether(plan: TreePlan, unsafe: Unsafe): void {
  const paths = [...plan.files, ...plan.links].map(({ path }) => path)
  const all = new Set(paths)
  const folders = new Set<string>()
  const folded = new Map<string, string>()
  for (const path of paths) {
    for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) {
      const folder = path.slice(0, end)
      if (all.has(folder)) throw unsafe(`'${folder}' is both a folder and a file`)
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
    if (targetInside(path, links) === null) throw unsafe(`the link '${path}' leads out of the folder`)
  }
  if (plan.root === 'file' && (plan.links.length > 0 || plan.files.length !== 1 || plan.folders.length > 0)) {
    throw unsafe('it claims to be a single file and is not')
  }
}
