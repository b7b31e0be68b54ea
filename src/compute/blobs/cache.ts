import { mkdir, readFile, readdir, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import crypto from 'hypercore-crypto'
import ReadyResource from 'ready-resource'
import { domain } from '../../../contracts/schema/codec.js'
import { replaceDurably } from '../../base/atomic-file.js'

export interface CacheOptions {
  folder: string
  /** What it may hold, unless all of it is in use. */
  bytes: number
}

interface CachedBlob {
  bytes: number
  /** Counts uses: the least is dropped first. */
  used: number
  pins: number
}

/**
 * Blobs that were fetched, a file each, by whom they came from and their SHA-256: naming the hash of what somebody else
 * has sent gives nobody a use of it. What was not used for the longest time goes first.
 */
export class BlobCache extends ReadyResource {
  readonly #options: CacheOptions
  readonly #entries = new Map<string, CachedBlob>()
  #bytes = 0
  #uses = 0
  /** ms. */
  #stamped = 0

  constructor(options: CacheOptions) {
    super()
    this.#options = options
  }

  get bytes(): number {
    return this.#bytes
  }

  protected override async _open(): Promise<void> {
    const { folder } = this.#options
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const found: { name: string; bytes: number; at: number }[] = []
    for (const name of await readdir(folder)) {
      if (!NAME.test(name)) await rm(join(folder, name), { force: true })
      else {
        const { size, mtimeMs } = await stat(join(folder, name))
        found.push({ name, bytes: size, at: mtimeMs })
      }
    }
    for (const { name, bytes } of found.sort((a, b) => a.at - b.at)) this.#add(name, bytes)
    await this.#shrink()
  }

  has(from: Buffer, sha256: Buffer): boolean {
    return this.#entries.has(nameOf(from, sha256))
  }

  /** It stays until it is released as often; false when it is not here. */
  pin(from: Buffer, sha256: Buffer): boolean {
    const entry = this.#entries.get(nameOf(from, sha256))
    if (!entry) return false
    entry.pins++
    entry.used = ++this.#uses
    return true
  }

  async release(from: Buffer, sha256: Buffer): Promise<void> {
    const entry = this.#entries.get(nameOf(from, sha256))
    if (entry && entry.pins > 0) entry.pins--
    await this.#shrink()
  }

  async read(from: Buffer, sha256: Buffer): Promise<Buffer | null> {
    const name = nameOf(from, sha256)
    const entry = this.#entries.get(name)
    if (!entry) return null
    entry.used = ++this.#uses
    const path = join(this.#options.folder, name)
    await this.#stamp(path)
    return readFile(path)
  }

  /** Takes bytes that were checked against their hash; they are pinned once. */
  async write(from: Buffer, sha256: Buffer, bytes: Buffer): Promise<void> {
    const name = nameOf(from, sha256)
    const path = join(this.#options.folder, name)
    await replaceDurably(path, bytes)
    await this.#stamp(path)
    this.#add(name, bytes.byteLength).pins++
    await this.#shrink()
  }

  async drop(from: Buffer, sha256: Buffer): Promise<void> {
    await this.#drop(nameOf(from, sha256))
  }

  /** The time of its last use, by which it is known after a restart: later than that of any before it. */
  async #stamp(path: string): Promise<void> {
    this.#stamped = Math.max(Date.now(), this.#stamped + 1)
    await utimes(path, this.#stamped / 1000, this.#stamped / 1000)
  }

  #add(name: string, bytes: number): CachedBlob {
    const known = this.#entries.get(name)
    if (known) return known
    const entry = { bytes, used: ++this.#uses, pins: 0 }
    this.#entries.set(name, entry)
    this.#bytes += bytes
    return entry
  }

  async #drop(name: string): Promise<void> {
    const entry = this.#entries.get(name)
    if (!entry || entry.pins > 0) return
    this.#entries.delete(name)
    this.#bytes -= entry.bytes
    await rm(join(this.#options.folder, name), { force: true })
  }

  async #shrink(): Promise<void> {
    if (this.#bytes <= this.#options.bytes) return
    const idle = [...this.#entries].filter(([, { pins }]) => pins === 0)
    for (const [name] of idle.sort(([, a], [, b]) => a.used - b.used)) {
      if (this.#bytes <= this.#options.bytes) return
      await this.#drop(name)
    }
  }
}

const NAME = /^[0-9a-f]{64}$/

function nameOf(from: Buffer, sha256: Buffer): string {
  return crypto.hash([domain('blob-cache'), from, sha256]).toString('hex')
}
