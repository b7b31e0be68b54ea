import { createHash } from 'node:crypto'
import { chmod, lstat, mkdir, readFile, readdir, readlink, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** The content of a file or of an executable, or the target of a link. */
export type Leaf = string | Buffer | { executable: string } | { link: string }

/** Writes a tree of files, given by path. */
export async function makeTree(root: string, leaves: Record<string, Leaf>): Promise<void> {
  await mkdir(root, { recursive: true })
  for (const [path, leaf] of Object.entries(leaves)) {
    const at = join(root, path)
    await mkdir(dirname(at), { recursive: true })
    if (typeof leaf === 'string' || Buffer.isBuffer(leaf)) {
      await writeFile(at, leaf)
    } else if ('link' in leaf) {
      await symlink(leaf.link, at)
    } else {
      await writeFile(at, leaf.executable)
      await chmod(at, 0o755)
    }
  }
}

/** Incompressible bytes, the same for the same seed. */
export function noise(seed: string, bytes: number): Buffer {
  const out = Buffer.allocUnsafe(bytes)
  for (let at = 0, i = 0; at < bytes; i++) {
    at += createHash('sha512').update(`${seed}/${i}`).digest().copy(out, at)
  }
  return out
}

export interface TreeEntry {
  kind: 'file' | 'link'
  size: number
  /** Hex; for a link, of its target. */
  sha256: string
  executable: boolean
}

/** Everything in a tree except folders, by path: what a restore must give back. */
export async function look(root: string): Promise<Record<string, TreeEntry>> {
  const seen: Record<string, TreeEntry> = {}
  const visit = async (folder: string, prefix: string): Promise<void> => {
    for (const name of (await readdir(folder)).sort()) {
      const at = join(folder, name)
      const stats = await lstat(at)
      if (stats.isDirectory()) {
        await visit(at, `${prefix}${name}/`)
        continue
      }
      const link = stats.isSymbolicLink()
      const content = link ? Buffer.from(await readlink(at)) : await readFile(at)
      seen[prefix + name] = {
        kind: link ? 'link' : 'file',
        size: content.byteLength,
        sha256: createHash('sha256').update(content).digest('hex'),
        executable: !link && (stats.mode & 0o100) !== 0
      }
    }
  }
  await visit(root, '')
  return seen
}

/** The checksum of a tree as specified, computed independently of the product. */
export function checksum(seen: Record<string, TreeEntry>): string {
  const lines = Object.entries(seen)
    .filter(([, { kind }]) => kind === 'file')
    .map(([path, { size, sha256 }]) => ({ key: Buffer.from(path), line: `${path}\0${size}\0${sha256}\n` }))
    .sort((a, b) => Buffer.compare(a.key, b.key))
  return createHash('sha256')
    .update(lines.map(({ line }) => line).join(''))
    .digest('hex')
}

/** Where a needle is in the files under `root`: `file: needle`. */
export async function search(root: string, needles: Record<string, Buffer>): Promise<string[]> {
  const found: string[] = []
  const visit = async (folder: string): Promise<void> => {
    for (const child of await readdir(folder, { withFileTypes: true })) {
      const at = join(folder, child.name)
      if (child.isDirectory()) await visit(at)
      if (!child.isFile()) continue
      const content = await readFile(at)
      for (const [what, needle] of Object.entries(needles)) {
        if (content.includes(needle) || Buffer.from(child.name).includes(needle)) found.push(`${at}: ${what}`)
      }
    }
  }
  await visit(root)
  return found
}
