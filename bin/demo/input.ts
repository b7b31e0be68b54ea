import { existsSync } from 'node:fs'
import { copyFile, link, mkdir, readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Size of the input: at least WANTED and at most MOST bytes. */
const WANTED = 100e6
const MOST = 102e6

interface Package {
  name: string
  files: { path: string; size: number }[]
  bytes: number
}

/** The `node_modules` folder of this package. */
export function ownModules(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    if (basename(at) === 'node_modules' && existsSync(join(at, 'hypercore'))) return at
    if (existsSync(join(at, 'node_modules', 'hypercore'))) return join(at, 'node_modules')
    if (dirname(at) === at) throw new Error('no node_modules was found; give a file or folder with --path')
  }
}

/**
 * Puts about 100 MB of files from `modules` into `folder`, always the same: whole packages in order of name as long as
 * they fit, then single files of the packages that did not fit. It uses hard links where the disk allows.
 */
export async function gatherInput(modules: string, folder: string): Promise<void> {
  let bytes = 0
  const large: Package[] = []
  for (const found of await packagesOf(modules)) {
    if (bytes + found.bytes > MOST) {
      large.push(found)
      continue
    }
    bytes += found.bytes
    for (const file of found.files) await place(join(modules, file.path), join(folder, file.path))
  }
  for (const file of large.flatMap(found => found.files)) {
    if (bytes >= WANTED) break
    if (bytes + file.size > MOST) continue
    bytes += file.size
    await place(join(modules, file.path), join(folder, file.path))
  }
}

async function packagesOf(modules: string): Promise<Package[]> {
  const names = (await readdir(modules, { withFileTypes: true }))
    .filter(entry => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(entry => entry.name)
    .sort()
  const packages: Package[] = []
  for (const name of names) {
    const files = await filesUnder(modules, name)
    packages.push({ name, files, bytes: files.reduce((sum, file) => sum + file.size, 0) })
  }
  return packages
}

async function filesUnder(root: string, folder: string): Promise<Package['files']> {
  const files: Package['files'] = []
  const children = await readdir(join(root, folder), { withFileTypes: true })
  for (const child of children.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = `${folder}/${child.name}`
    if (child.isDirectory()) files.push(...(await filesUnder(root, path)))
    else if (child.isFile()) files.push({ path, size: (await stat(join(root, path))).size })
  }
  return files
}

async function place(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  try {
    await link(from, to)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'EMLINK' && code !== 'ENOTSUP') throw error
    await copyFile(from, to)
  }
}
