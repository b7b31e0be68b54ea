import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { BOUNDS } from '../../base/bounds/bounds.js'
import { compactCore } from '../../network/cores.js'
import { removeFolder } from '../../files/disk.js'
import { ShelvedCore } from './shelved-core.js'

/** The cores of a shelf, each in a folder named by its key. */
export class ShelvedCores {
  readonly #folder: string
  readonly #onread: (core: ShelvedCore, bytes: number) => void
  /** By discovery key, hex. */
  readonly #cores = new Map<string, ShelvedCore>()
  readonly #open = new Set<ShelvedCore>()

  /** `onread` is called with the bytes that peers read. */
  constructor(folder: string, onread: (core: ShelvedCore, bytes: number) => void) {
    this.#folder = folder
    this.#onread = onread
  }

  get(discoveryKey: Buffer): ShelvedCore | null {
    return this.#cores.get(discoveryKey.toString('hex')) ?? null
  }

  /** The core with this public key, created when it is new. */
  of(key: Buffer): ShelvedCore {
    const fresh = new ShelvedCore(
      join(this.#folder, key.toString('hex')),
      key,
      bytes => this.#onread(fresh, bytes),
      () => this.#opening(fresh)
    )
    const core = this.get(fresh.discoveryKey) ?? fresh
    this.#cores.set(core.discoveryKey.toString('hex'), core)
    return core
  }

  /** Number of cores with open files. */
  get openCount(): number {
    let count = 0
    for (const core of this.#cores.values()) if (core.isOpen) count++
    return count
  }

  /** Closes those that are unused for longest when too many are open. */
  #opening(core: ShelvedCore): void {
    this.#open.add(core)
    for (const one of this.#open) if (!one.isOpen) this.#open.delete(one)
    const idle = [...this.#open]
      .filter(one => one !== core && one.idleSince !== null)
      .sort((a, b) => a.idleSince! - b.idleSince!)
    for (const one of idle.slice(0, Math.max(0, this.#open.size - BOUNDS.openCores.all))) {
      one.rest()
      this.#open.delete(one)
    }
  }

  /** Deletes the blocks of a core past the length that holders still name; the whole core when no holder does. */
  async trim(
    key: Buffer,
    named: () => number,
    inTurn: (work: () => Promise<void>) => Promise<void>
  ): Promise<void> {
    const core = this.of(key)
    const length = named()
    if (length === 0) {
      await inTurn(async () => {
        if (named() > 0) return
        this.#cores.delete(core.discoveryKey.toString('hex'))
        await core.remove()
      })
      return
    }
    await core.use(async open => {
      if (open.length <= length) return
      await open.clear(length, open.length)
      await compactCore(open)
    })
  }

  /** Deletes the folders of unknown cores. */
  async sweep(): Promise<void> {
    const kept = new Set([...this.#cores.values()].map(core => core.folder))
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name)
      if (!kept.has(path)) await removeFolder(path)
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#cores.values()].map(core => core.close()))
  }
}
