import { mkdir, open, symlink, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf } from './disk.js'
import type { LeftOut } from './left-out.js'
import type { PlannedFile, TreePlan } from './tree-plan.js'

export const NO_LINKS = 'symbolic link(s), which this disk does not take'
export const NO_NAME = 'name(s) that this disk does not take'

/** Errors with which disks such as FAT refuse a name or a link. */
const REFUSALS = new Set(['EINVAL', 'EPERM', 'EILSEQ', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'ENAMETOOLONG'])
/** Names that some disks refuse: FAT and NTFS take none of these characters, nor control characters. */
// eslint-disable-next-line no-control-regex
const SUSPECT = /[<>:"\\|?*\u0001-\u001f\u007f]|[. ]$/

/** What a disk is asked for; a test passes another one. */
export interface DiskCalls {
  mkdir(path: string): Promise<void>
  create(path: string): Promise<void>
  symlink(target: string, path: string): Promise<void>
}

export const DISK: DiskCalls = {
  async mkdir(path) {
    await mkdir(path, { recursive: true })
  },
  async create(path) {
    await (await open(path, 'a')).close()
  },
  symlink
}

/** True when it is done; false when the disk refuses this one name or link. */
async function isTaken(work: Promise<void>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (REFUSALS.has(codeOf(error))) return false
    throw error
  }
}

/** Makes the folders of a plan below `root`, and takes out of the plan what lies in one that the disk refuses. */
export async function makeFolders<F extends PlannedFile>(
  plan: TreePlan<F>,
  root: string,
  disk: DiskCalls,
  signal?: AbortSignal
): Promise<void> {
  const refused = new Set<string>()
  for (const folder of plan.folders) {
    signal?.throwIfAborted()
    if (refused.has(dirname(folder))) refused.add(folder)
    else if (!(await isTaken(disk.mkdir(join(root, folder))))) refused.add(folder)
  }
  if (refused.size > 0) leaveOut(plan, ({ path }) => refused.has(dirname(path)), NO_NAME, refused)
}

/** Asks the disk for the names that some disks refuse, and for links, and takes out of the plan what it refuses. */
export async function askDisk<F extends PlannedFile>(
  plan: TreePlan<F>,
  root: string,
  disk: DiskCalls,
  signal?: AbortSignal
): Promise<void> {
  const refused = new Set<string>()
  for (const { path } of [...plan.files, ...plan.links]) {
    if (!SUSPECT.test(path.slice(path.lastIndexOf('/') + 1))) continue
    signal?.throwIfAborted()
    // What an earlier run has written there stays as it is.
    const isNew = await open(join(root, path), 'r').then(
      async handle => (await handle.close(), false),
      () => true
    )
    if (!isNew) continue
    if (await isTaken(disk.create(join(root, path)))) await unlink(join(root, path))
    else refused.add(path)
  }
  if (refused.size > 0) leaveOut(plan, ({ path }) => refused.has(path), NO_NAME)
  if (plan.links.length === 0) return
  const probe = join(root, '.bushel-link')
  if (await isTaken(disk.symlink('.', probe))) await unlink(probe)
  else {
    plan.leftOut.push(...plan.links.map(({ path }): LeftOut => ({ path, why: NO_LINKS })))
    plan.links = []
  }
}

function leaveOut<F extends PlannedFile>(
  plan: TreePlan<F>,
  isRefused: (entry: { path: string }) => boolean,
  why: string,
  folders: ReadonlySet<string> = new Set()
): void {
  plan.leftOut.push(
    ...[...plan.files, ...plan.links].filter(isRefused).map(({ path }): LeftOut => ({ path, why }))
  )
  plan.files = plan.files.filter(entry => !isRefused(entry))
  plan.links = plan.links.filter(entry => !isRefused(entry))
  plan.folders = plan.folders.filter(folder => !folders.has(folder))
  plan.bytes = plan.files.reduce((sum, { size }) => sum + size, 0)
}
