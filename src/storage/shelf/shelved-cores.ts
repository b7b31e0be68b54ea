import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { compactCore } from '../../network/cores.js'
import { removeFolder } from '../../files/disk.js'
import { ShelvedCore } from './shelved-core.js'

/** The cores of a shelf, each in a folder named by its key. */
export class ShelvedCores {
  readonly #folder: string
  readonly #onread: (core: ShelvedCore, bytes: number) => void
  /** By discovery key, hex. */
  readonly #cores = new Map<string, ShelvedCore>()

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
    const fresh = new ShelvedCore(join(this.#folder, key.toString('hex')), key, bytes =>
      this.#onread(fresh, bytes)
    )
    const core = this.get(fresh.discoveryKey) ?? fresh
    this.#cores.set(core.discoveryKey.toString('hex'), core)
    return core
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
