import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { BushelError } from '../../contracts/errors/error.js'
import { codeOf } from './disk.js'
import { unreadable } from './tree.js'

/** The search fails after this many paths. */
const MAX_SEEN = 200_000

export interface Found {
  /** Path relative to the fixed part of the pattern, with `/`. */
  name: string
  path: string
}

/**
 * The files that match a pattern, sorted by name. `*` and `?` match within a name, `[...]` matches one character, `**`
 * matches any folders; a link matches as what it leads to. Names that begin with a dot match only a part that begins with a
 * dot. Throws BAD_PATH for more than `most` files, a malformed pattern, or an unreadable folder.
 */
export async function filesOf(base: string, pattern: string, most: number): Promise<Found[]> {
  const parts = pattern.split('/').filter(part => part !== '' && part !== '.')
  const first = parts.findIndex(isPattern)
  const fixed = first < 0 ? parts.slice(0, -1) : parts.slice(0, first)
  const root = join(pattern.startsWith('/') ? '/' : base, ...fixed)
  const found: Found[] = []
  let seen = 0
  await walk(root, '', parts.slice(fixed.length))
  return found.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))

  async function walk(folder: string, prefix: string, rest: readonly string[]): Promise<void> {
    const [part, ...more] = rest
    if (part === undefined) return
    if (part === '**') {
      await walk(folder, prefix, more.length > 0 ? more : ['*'])
      for (const child of await children(folder)) {
        if (child.isDirectory() && !child.name.startsWith('.'))
          await walk(join(folder, child.name), `${prefix}${child.name}/`, rest)
      }
      return
    }
    const is = matcher(part)
    for (const child of await children(folder)) {
      if (!is(child.name)) continue
      const path = join(folder, child.name)
      if (more.length > 0) {
        if (child.isDirectory()) await walk(path, `${prefix}${child.name}/`, more)
      } else if (child.isFile() || (child.isSymbolicLink() && (await leadsToFile(path)))) {
        if (found.length === most)
          throw new BushelError(
            'BAD_PATH',
            `'${pattern}' matches more than ${most} files`,
            'use a pattern that matches fewer files, and run the command several times'
          )
        found.push({ name: `${prefix}${child.name}`, path })
      }
    }
  }

  async function children(folder: string): Promise<Dirent[]> {
    const list = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return []
      throw new BushelError('BAD_PATH', `'${folder}' cannot be read`).withCause(error)
    })
    seen += list.length
    if (seen > MAX_SEEN)
      throw new BushelError(
        'BAD_PATH',
        `'${pattern}' searches more than ${MAX_SEEN} files`,
        'use a smaller folder'
      )
    return list
  }
}

/** False for a link that leads to nothing, or round in a circle. */
async function leadsToFile(link: string): Promise<boolean> {
  return stat(link).then(
    stats => stats.isFile(),
    (error: unknown) => {
      if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error))) return false
      throw unreadable(link, error)
    }
  )
}

function isPattern(part: string): boolean {
  return /[*?[]/.test(part)
}

/** Compiles one part of a pattern to a test of names. */
function matcher(part: string): (name: string) => boolean {
  const source = part.replace(/\[!?[^\]]+\]|[^]/g, token => {
    if (token === '*') return '[^/]*'
    if (token === '?') return '[^/]'
    if (token.length > 1) return token.replace('[!', '[^').replaceAll('\\', '\\\\')
    return token.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  })
  const whole = expression(`^${source}$`, part)
  return name => (!name.startsWith('.') || part.startsWith('.')) && whole.test(name)
}

function expression(source: string, part: string): RegExp {
  try {
    return new RegExp(source, 'u')
  } catch (error) {
    throw new BushelError(
      'BAD_PATH',
      `'${part}' is not a valid pattern`,
      "write it as 'chunks/*.bin'"
    ).withCause(error)
  }
}
