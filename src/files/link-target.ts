const MAX_HOPS = 40
/** Longest target that file systems hold, bytes. */
const MAX_TARGET = 4095
/** More names than any path has after its links are resolved. */
const MAX_NAMES = 4096

/**
 * Resolves the symbolic link at `path` as a file system does, through the other links of the tree. Gives a path inside
 * the tree, whether or not it exists, or null when the link leaves the tree, is absolute, longer than file systems take, or
 * part of a loop. Paths are relative to the root of the tree, with `/`. Reading the target alone is not enough: `..` after
 * a link goes up from the target of that link.
 */
export function targetInside(path: string, links: ReadonlyMap<string, string>): string | null {
  const todo = path.split('/').reverse()
  let at = ''
  let hops = 0
  for (let names = 0; todo.length > 0; names++) {
    if (names > MAX_NAMES || at.length > MAX_TARGET) return null
    const name = todo.pop()!
    if (name === '' || name === '.') continue
    const parent = at.slice(0, Math.max(at.lastIndexOf('/'), 0))
    if (name === '..') {
      if (at === '') return null
      at = parent
      continue
    }
    const child = at === '' ? name : `${at}/${name}`
    const target = links.get(child)
    if (target === undefined) {
      at = child
      continue
    }
    if (target === '' || target.startsWith('/') || target.includes('\0') || ++hops > MAX_HOPS) return null
    if (Buffer.byteLength(target) > MAX_TARGET) return null
    todo.push(...target.split('/').reverse())
  }
  return at
}
