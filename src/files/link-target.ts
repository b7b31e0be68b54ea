const MAX_HOPS = 40

/**
 * Where the symbolic link at `path` leads when it is followed the way a file system follows it, through the other links
 * of the tree: a path inside the tree (whether or not something stands there), or null when it leaves the tree, is
 * absolute, or turns in a circle. Paths are relative to the tree's root, with `/`. Looking only at the words of a target
 * is not enough: `..` after a link goes up from where that link leads.
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
