import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Up } from '../../../test/world/world.js'
import { anonymousOf, childrenOf, filesOf, processorOf } from '../process-use.js'

export interface Watched {
  up: Up
  home: string
}

export interface Use {
  /** Since the watch began, s. */
  at: number
  /** Resident memory of the node's process and of its wallet's, without pages of files, MB. */
  memory: number
  /** Of this, the wallet's. */
  wallet: number
  /** Of its home, MB. */
  disk: number
  files: number
  /** Processor time of the node's process so far, s. */
  processor: number
}

export interface WatchOptions {
  nodes: Watched[]
  everyMs: number
  /** Told after each look. */
  onlook: (said: string) => void
  /** Told once of a node that has ended, with its last words. */
  onended: (what: string) => void
}

/** What each node uses over time. */
export class Watch {
  readonly uses = new Map<string, Use[]>()
  readonly #options: WatchOptions
  readonly #begun = performance.now()
  readonly #timer: NodeJS.Timeout
  readonly #ended = new Set<string>()
  #looking: Promise<void> = Promise.resolve()

  private constructor(options: WatchOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#again(), options.everyMs)
  }

  static async begin(options: WatchOptions): Promise<Watch> {
    const watch = new Watch(options)
    watch.#again()
    await watch.#looking
    return watch
  }

  /** Since the watch began, s. */
  get at(): number {
    return (performance.now() - this.#begun) / 1000
  }

  #again(): void {
    this.#looking = this.#looking.then(() => this.#look())
    this.#looking.catch(() => undefined) // `end` rejects with it
  }

  async #look(): Promise<void> {
    const said: string[] = []
    for (const { up, home } of this.#options.nodes) {
      const { name, process } = up
      if (!process.running) {
        if (!this.#ended.has(name))
          this.#options.onended(`the node ${name} has ended: ${process.lastWords()}`)
        this.#ended.add(name)
        continue
      }
      const of = useOf(process.pid)
      if (!of) continue // the next look finds that it has ended
      const use = { at: this.at, disk: (await bytesUnder(home)) / 1e6, ...of }
      this.uses.set(name, [...(this.uses.get(name) ?? []), use])
      said.push(`${name} ${use.memory.toFixed(0)} MB, disk ${use.disk.toFixed(1)} MB, ${use.files} files`)
    }
    this.#options.onlook(said.join('; '))
  }

  async end(): Promise<void> {
    clearInterval(this.#timer)
    this.#again()
    await this.#looking
  }
}

/** Null for a process that has just ended. */
function useOf(pid: number): Omit<Use, 'at' | 'disk'> | null {
  try {
    const wallets = childrenOf(pid).filter(({ command }) => command.includes('/play/child/'))
    const wallet = wallets.reduce((sum, { pid }) => sum + anonymousOf(pid), 0)
    return { memory: anonymousOf(pid) + wallet, wallet, files: filesOf(pid), processor: processorOf(pid) }
  } catch (error) {
    return unlessGone(error, null)
  }
}

/** Bytes of the files in a folder, without what RocksDB reserves for its open files and gives back, and without holes. */
async function bytesUnder(folder: string): Promise<number> {
  let sum = 0
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) =>
    unlessGone(error, [])
  )
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) sum += await bytesUnder(path)
    if (!entry.isFile()) continue
    const found = await lstat(path).catch((error: unknown) => unlessGone(error, null))
    if (found) sum += Math.min(found.size, found.blocks * 512)
  }
  return sum
}

/** Files, folders and processes of a node that works go at any time. */
function unlessGone<T>(error: unknown, instead: T): T {
  if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return instead
  throw error
}
