const MAX_HOPS = 40

/**
 * Resolves the symbolic link at `path` as a file system does, through the other links of the tree. Gives a path inside
 * the tree, whether or not it exists, or null when the link leaves the tree, is absolute, or is part of a loop. Paths are
 * relative to the root of the tree, with `/`. Reading the target alone is not enough: `..` after a link goes up from the
 * target of that link.
 */
export function targetInside(path: string, links: ReadonlyMap<string, string>): string | null {
  const todo = path.split('/').reverse()
  const at: string[] = []
  let hops = 0
  while (todo.length > 0) {
    const name = todo.pop()!
    if (name === '' || name === '.') continue
    if (name === '..') {
      if (at.pop() === undefined) return null
      continue
    }
    at.push(name)
    const target = links.get(at.join('/'))
    if (target === undefined) continue
    if (target === '' || target.startsWith('/') || target.includes('\0') || ++hops > MAX_HOPS) return null
    at.pop()
    todo.push(...target.split('/').reverse())
  }
  return at.join('/')
}
