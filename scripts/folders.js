// A folder of the project has at most 16 files directly.
import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

const MOST = 16
const ROOTS = ['bench', 'bin', 'contracts', 'scripts', 'src', 'test']

/** A line for each folder under the roots that has more files than may be. */
export function fullFolders(root, { roots = ROOTS, most = MOST } = {}) {
  const full = []
  for (const folders = roots.map(name => join(root, name)); folders.length > 0;) {
    const folder = folders.pop()
    const entries = readdirSync(folder, { withFileTypes: true })
    const files = entries.filter(entry => entry.isFile()).length
    if (files > most) full.push(`${relative(root, folder)} has ${files} files, and may have ${most}`)
    folders.push(...entries.filter(entry => entry.isDirectory()).map(({ name }) => join(folder, name)))
  }
  return full.toSorted()
}
