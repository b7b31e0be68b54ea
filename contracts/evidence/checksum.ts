import { createHash } from 'node:crypto'

export interface FileSum {
  path: string
  size: number
  /** Of the content, hex. */
  sha256: string
}

export interface TreeSum {
  /** Hex. */
  sha256: string
  files: number
  bytes: number
}

/**
 * The checksum of a tree: the SHA-256 over one line `path NUL size NUL sha256hex LF` for each file, sorted by the UTF-8
 * bytes of the paths. Links, empty folders and the executable bit do not affect it.
 */
export function sumOfFiles(files: readonly FileSum[]): TreeSum {
  const hash = createHash('sha256')
  const sorted = files
    .map(file => ({ file, key: Buffer.from(file.path) }))
    .sort((a, b) => Buffer.compare(a.key, b.key))
  let bytes = 0
  for (const { file, key } of sorted) {
    hash.update(key).update(`\0${file.size}\0${file.sha256}\n`)
    bytes += file.size
  }
  return { sha256: hash.digest('hex'), files: files.length, bytes }
}
