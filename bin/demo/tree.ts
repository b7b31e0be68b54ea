import { createHash } from 'node:crypto'
import { open, readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'

export interface TreeSize {
  files: number
  bytes: number
  /** Bytes of all paths. */
  pathBytes: number
  /** Number of 256 KiB blocks of the files. */
  blocks: number
}

interface FoundFile {
  /** Relative to the tree, with `/`. */
  path: string
  at: string
  size: number
}

const BLOCK = 256 * 1024

/** The regular files of a tree, without links and folders; a single file is a tree of one file. */
async function filesOf(root: string): Promise<FoundFile[]> {
  const stats = await stat(root)
  if (stats.isFile()) return [{ path: basename(root), at: root, size: stats.size }]
  const found: FoundFile[] = []
  const visit = async (folder: string, prefix: string): Promise<void> => {
    for (const child of await readdir(folder, { withFileTypes: true })) {
      const at = join(folder, child.name)
      const path = prefix + child.name
      if (child.isDirectory()) await visit(at, `${path}/`)
      else if (child.isFile()) found.push({ path, at, size: (await stat(at)).size })
    }
  }
  await visit(root, '')
  return found
}

export async function sizeOfTree(root: string): Promise<TreeSize> {
  const files = await filesOf(root)
  return {
    files: files.length,
    bytes: files.reduce((sum, file) => sum + file.size, 0),
    pathBytes: files.reduce((sum, file) => sum + Buffer.byteLength(file.path), 0),
    blocks: files.reduce((sum, file) => sum + Math.ceil(file.size / BLOCK), 0)
  }
}

/**
 * SHA-256 (hex) over one line `path NUL size NUL sha256hex LF` for each file, sorted by the UTF-8 bytes of the paths. It
 * shares no code with Bushel, so that it does not repeat a mistake of the code that it checks.
 */
export async function sha256OfTree(root: string): Promise<string> {
  const lines: { key: Buffer; line: string }[] = []
  for (const { path, at } of await filesOf(root)) {
    const { size, sha256 } = await sumOfFile(at)
    lines.push({ key: Buffer.from(path), line: `${path}\0${size}\0${sha256}\n` })
  }
  lines.sort((a, b) => Buffer.compare(a.key, b.key))
  const all = createHash('sha256')
  for (const { line } of lines) all.update(line)
  return all.digest('hex')
}

async function sumOfFile(at: string): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(1 << 20)
  const file = await open(at)
  try {
    for (let size = 0; ;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength)
      if (bytesRead === 0) return { size, sha256: hash.digest('hex') }
      hash.update(buffer.subarray(0, bytesRead))
      size += bytesRead
    }
  } finally {
    await file.close()
  }
}
