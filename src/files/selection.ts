import { createRequire } from 'node:module'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type makeIgnore from 'ignore'
import type { Ignore } from 'ignore'
import { KIB } from '../../contracts/money/quantity.js'
import { BushelError } from '../../contracts/errors/error.js'

const ignore = createRequire(import.meta.url)('ignore') as typeof makeIgnore

/** A file that says what of its folder, and of the folders below, is not packed; it is written like a `.gitignore`. */
export const IGNORE_FILE = '.bushelignore'
const MAX_IGNORE_FILE = 256 * KIB

export const EXCLUDED = 'excluded file(s) and folder(s)'

/** What is to be packed of a tree. */
export interface Choice {
  /** Patterns of what is left out, as in a `.gitignore` at the root of the tree. They go before any ignore file. */
  exclude: readonly string[]
  /** Whether a folder, with children of these names, must never leave this machine. */
  isSecret: (folder: string, names: readonly string[]) => Promise<boolean>
}

interface IgnoreFile {
  /** The folder that it stands in, which ends with `/` unless it is the root. */
  prefix: string
  rules: Ignore
}

/** The patterns that apply in a folder: those of the caller, and of the ignore files of it and the folders above. */
export class Selection {
  readonly #exclude: Ignore
  /** From the root downward. */
  readonly #files: readonly IgnoreFile[]

  private constructor(exclude: Ignore, files: readonly IgnoreFile[]) {
    this.#exclude = exclude
    this.#files = files
  }

  static of(exclude: readonly string[]): Selection {
    for (const pattern of exclude) if (/^\s*$|^#|(?<!\\)\\$/.test(pattern)) throw badPattern(`'${pattern}'`)
    return new Selection(rulesOf(exclude, '--exclude'), [])
  }

  /** The same with the ignore file of a folder; `prefix` is its path in the tree. */
  async within(folder: string, prefix: string): Promise<Selection> {
    const path = join(folder, IGNORE_FILE)
    const bytes = await readFile(path)
    if (bytes.byteLength > MAX_IGNORE_FILE)
      throw new BushelError('BAD_PATH', `'${path}' is larger than 256 KiB`, 'shorten it, or use --exclude')
    const rules = rulesOf(bytes.toString().split(/\r?\n/), path)
    return new Selection(this.#exclude, [...this.#files, { prefix: prefix && `${prefix}/`, rules }])
  }

  /** Whether a path of the tree is left out; the folders above it are not. */
  excludes(path: string, isFolder: boolean): boolean {
    const name = isFolder ? `${path}/` : path
    if (this.#exclude.test(name).ignored) return true
    for (const { prefix, rules } of this.#files.toReversed()) {
      const { ignored, unignored } = rules.test(name.slice(prefix.length))
      if (ignored || unignored) return ignored
    }
    return false
  }
}

function rulesOf(patterns: readonly string[], where: string): Ignore {
  const rules = ignore({ ignoreCase: false, allowRelativePaths: true })
  try {
    return rules.add(patterns)
  } catch (error) {
    throw badPattern(`a pattern of ${where}`).withCause(error)
  }
}

function badPattern(what: string): BushelError {
  return new BushelError(
    'BAD_PATH',
    `${what} excludes nothing; nothing was packed`,
    "write it as in a .gitignore, such as '*.tmp' or 'build/'"
  )
}
