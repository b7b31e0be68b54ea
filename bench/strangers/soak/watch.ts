import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Up } from '../../../test/world/world.js'
import { filesOf, processorOf, residentOf } from '../process-use.js'

/** One look in so many is said. */
const SAID_EVERY = 10

export interface Use {
  /** Since the watch began, s. */
  at: number
  /** Resident memory of the node's process, MB. */
  memory: number
  /** Of its home, MB. */
  disk: number
  files: number
  /** Processor time so far, s. */
  processor: number
}

/** What each node uses over time. */
export class Watch {
  readonly uses = new Map<string, Use[]>()
  readonly #nodes: { up: Up; home: string }[]
  readonly #say: (what: string) => void
  readonly #begun = performance.now()
  #looks = 0
  readonly #timer: NodeJS.Timeout
  #looking: Promise<void> = Promise.resolve()

  constructor(nodes: { up: Up; home: string }[], everyMs: number, say: (what: string) => void) {
    this.#nodes = nodes
    this.#say = say
    this.#timer = setInterval(() => void (this.#looking = this.#looking.then(() => this.look())), everyMs)
  }

  /** Writes down what every node uses now. Rejects when one has ended. */
  async look(): Promise<void> {
    const said: string[] = []
    for (const { up, home } of this.#nodes) {
      if (!up.process.running) throw new Error(`the node ${up.name} has ended: ${up.process.lastWords()}`)
      const { pid } = up.process
      const at = (performance.now() - this.#begun) / 1000
      const disk = (await bytesUnder(home)) / 1e6
      const use = { at, memory: residentOf(pid), disk, files: filesOf(pid), processor: processorOf(pid) }
      this.uses.set(up.name, [...(this.uses.get(up.name) ?? []), use])
      said.push(`${up.name} ${use.memory.toFixed(0)} MB, disk ${disk.toFixed(1)} MB, ${use.files} files`)
    }
    if (this.#looks++ % SAID_EVERY === 0) this.#say(said.join('; '))
  }

  async end(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
    await this.look()
  }
}

/** Bytes of the files in a folder, without what RocksDB reserves for its open files and gives back, and without holes. */
async function bytesUnder(folder: string): Promise<number> {
  let sum = 0
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    const found = await lstat(join(entry.parentPath, entry.name)).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null // gone in between
      throw error
    })
    if (found) sum += Math.min(found.size, found.blocks * 512)
  }
  return sum
}

/** Mean of a measure over a quarter (0 to 3) of the time of a watch. */
export function meanOf(uses: readonly Use[], quarter: number, measure: (use: Use) => number): number {
  const [from, to] = [uses[0]!.at, uses.at(-1)!.at]
  const step = (to - from) / 4
  const part = uses.filter(({ at }) => at >= from + quarter * step && at <= from + (quarter + 1) * step)
  return part.reduce((sum, use) => sum + measure(use), 0) / Math.max(1, part.length)
}
