import { breathe } from '../base/steps.js'
import type { LeftOut } from './left-out.js'
import { PATHS_PER_TURN, foldersOf, withinBounds } from './tree-bounds.js'

export interface PlannedFile {
  path: string
  size: number
  executable: boolean
  /** Permission bits; null when they are not known and the usual ones are taken. */
  mode: number | null
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
  /** Permission bits of folders by path, '' for the root; without those that are not known. */
  folderModes: ReadonlyMap<string, number>
  bytes: number
  /** Pairs of paths that differ only in case, or in how accents are encoded; some file systems take them for one path. */
  clashes: [string, string][]
  /** What cannot be written. */
  leftOut: LeftOut[]
}

/** Plans a tree of these entries without those that are out of bounds. One that is no single file is a folder. */
export async function planTree<F extends PlannedFile>(
  root: 'file' | 'folder',
  files: readonly F[],
  links: readonly PlannedLink[] = [],
  folderModes: ReadonlyMap<string, number> = new Map()
): Promise<TreePlan<F>> {
  const { kept, leftOut } = await withinBounds<F | PlannedLink>([...files, ...links])
  const plan: TreePlan<F> = {
    root,
    files: kept.filter((entry): entry is F => !('target' in entry)),
    links: kept.filter((entry): entry is PlannedLink => 'target' in entry),
    folders: [...(await foldersOf(kept.map(({ path }) => path)))].sort((a, b) => a.length - b.length),
    folderModes,
    bytes: 0,
    clashes: await clashesOf(kept.map(({ path }) => path)),
    leftOut
  }
  plan.bytes = plan.files.reduce((sum, { size }) => sum + size, 0)
  if (plan.files.length !== 1 || plan.links.length > 0 || plan.folders.length > 0) plan.root = 'folder'
  return plan
}

async function clashesOf(paths: readonly string[]): Promise<[string, string][]> {
  const clashes: [string, string][] = []
  const folded = new Map<string, string>()
  for (const [i, path] of paths.entries()) {
    if (i % PATHS_PER_TURN === 0) await breathe()
    const fold = path.normalize('NFC').toLowerCase()
    const other = folded.get(fold)
    if (other !== undefined) clashes.push([other, path])
    folded.set(fold, path)
  }
  return clashes
}
