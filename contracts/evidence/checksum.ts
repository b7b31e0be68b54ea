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
  return sumOfSorted(
    files
      .map(file => ({ file, key: Buffer.from(file.path) }))
      .sort((a, b) => Buffer.compare(a.key, b.key))
      .map(({ file }) => file)
  )
}

/** The same for files that come in the order of their paths' UTF-8 bytes, one at a time. */
export function sumOfSorted(files: Iterable<FileSum>): TreeSum {
  const hash = createHash('sha256')
  let count = 0
  let bytes = 0
  for (const { path, size, sha256 } of files) {
    hash.update(path).update(`\0${size}\0${sha256}\n`)
    bytes += size
    count++
  }
  return { sha256: hash.digest('hex'), files: count, bytes }
}
