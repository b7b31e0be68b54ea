import { mkdir, readFile, readdir, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import crypto from 'hypercore-crypto'
import ReadyResource from 'ready-resource'
import { domain } from '../../../contracts/schema/codec.js'
import { replaceDurably } from '../../base/disk/atomic-file.js'

export interface CacheOptions {
  folder: string
  /** Most bytes of the cache, unless all of them are in use. */
  bytes: number
}

interface CachedBlob {
  bytes: number
  /** Sequence number of the last use; the lowest is dropped first. */
  used: number
  pins: number
}

/**
 * LRU cache of fetched blobs, one file each. Keyed by source identity and SHA-256, so that a peer cannot use a blob of
 * another peer by naming its hash.
 */
export class BlobCache extends ReadyResource {
  readonly #options: CacheOptions
  readonly #entries = new Map<string, CachedBlob>()
  #bytes = 0
  #uses = 0
  /** Last time stamp given to a file, ms since 1970. */
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

  /** Keeps a blob until it is released as often as pinned. Returns false when the cache does not have it. */
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

  /** Stores verified bytes and pins them once. */
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

  /** Records the use in the file's mtime, for the order after a restart; later than all earlier stamps. */
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
