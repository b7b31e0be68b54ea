import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import crypto from 'hypercore-crypto'
import { BOUNDS } from '../../base/bounds/bounds.js'
import { compactCore } from '../../network/cores.js'
import { removeFolder } from '../../files/disk.js'
import { ShelvedCore } from './shelved-core.js'

/** Called with the bytes that the peer at the other end reads, and the holder under which it was admitted. */
type OnRead = (core: ShelvedCore, bytes: number, holder: string | null, stream: Duplex) => void

/** The cores of a shelf, each in a folder named by its key. */
export class ShelvedCores {
  readonly #folder: string
  readonly #onread: OnRead
  /** By discovery key, hex, and group. */
  readonly #cores = new Map<string, ShelvedCore>()
  readonly #groups = new Map<string, Set<string>>()
  readonly #open = new Set<ShelvedCore>()

  constructor(folder: string, onread: OnRead) {
    this.#folder = folder
    this.#onread = onread
  }

  /** The cores of all groups with this discovery key. */
  all(discoveryKey: Buffer): ShelvedCore[] {
    const id = discoveryKey.toString('hex')
    return [...(this.#groups.get(id) ?? [])].map(group => this.#cores.get(id + group)!)
  }

  /** The core of a group with this public key, created when it is new. */
  of(key: Buffer, group = ''): ShelvedCore {
    const discoveryKey = crypto.discoveryKey(key).toString('hex')
    const known = this.#cores.get(discoveryKey + group)
    if (known) return known
    const fresh = new ShelvedCore(
      join(this.#folder, key.toString('hex') + (group && `-${group}`)),
      key,
      (bytes, holder, stream) => this.#onread(fresh, bytes, holder, stream),
      () => this.#opening(fresh),
      group
    )
    this.#cores.set(discoveryKey + group, fresh)
    this.#groups.set(discoveryKey, (this.#groups.get(discoveryKey) ?? new Set()).add(group))
    return fresh
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
    core: ShelvedCore,
    named: () => number,
    inTurn: (work: () => Promise<void>) => Promise<void>
  ): Promise<void> {
    const length = named()
    if (length === 0) {
      await inTurn(async () => {
        if (named() > 0) return
        this.#forget(core)
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

  #forget({ discoveryKey, group }: ShelvedCore): void {
    const id = discoveryKey.toString('hex')
    const groups = this.#groups.get(id)
    groups?.delete(group)
    if (groups?.size === 0) this.#groups.delete(id)
    this.#cores.delete(id + group)
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
