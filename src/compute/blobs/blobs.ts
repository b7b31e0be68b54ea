import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import ReadyResource from 'ready-resource'
import type { Blob } from '#spec'
import { BLOB_BLOCK_BYTES } from '../../../contracts/job.js'
import { GIB, HOUR } from '../../../contracts/money/quantity.js'
import { change } from '../../store/change.js'
import type { Store } from '../../store/store.js'
import { blobTable } from '../tables.js'
import { attachCore, detachCore, eraseCore, openStore, settleCore } from '../../network/cores.js'
import { BlobCache } from './cache.js'
import { fetchBlob } from './fetch.js'
import { KeyedMutex } from '../../base/mutex.js'
import { breathe, sha256InSteps } from '../../base/steps.js'
import { trustedNow } from '../../base/time/trusted-time.js'

/** A blob in our own store, which this node can serve. */
export interface LocalBlob {
  ref: Blob
}

export interface BlobsOptions {
  /** `compute/` of the home. */
  folder: string
  store: Store
  /** Most bytes of own blobs that no agreement names. */
  ownBytes?: number
  /** Time after `put` during which a blob is kept, because an agreement may soon name it, ms. */
  freshMs?: number
  /** Most bytes of fetched blobs that are not in use. */
  cacheBytes?: number
  /** Blobs that are kept even when no agreement names them. */
  needed?: () => Iterable<Blob>
  /** Longest time without progress of a fetch, ms. */
  stallMs?: number
}

export interface Fetching {
  /** Identity of the peer that it is fetched from. */
  from: Buffer
  stream: () => Promise<NoiseStream>
  signal: AbortSignal
}

/** Blocks in one append. */
const BATCH = 8

interface Served {
  ref: Blob
  /** Agreements that name the blob, by the hex key of the device that may fetch it. */
  readers: Map<string, Set<string>>
  session: Promise<Hypercore> | null
  /** Indices of sent blocks, by device in hex. */
  sent: Map<string, Set<number>>
}

/**
 * Transfers modules, inputs and outputs. Each blob is a core named by the hash of its content and served to the parties
 * of the agreements that name it. Fetched blobs are verified and kept as files in a cache.
 */
export class Blobs extends ReadyResource {
  readonly cache: BlobCache
  readonly #options: BlobsOptions
  readonly #fetches: string
  readonly #served = new Map<string, Served>()
  /** One put, fetch or erase at a time for each blob. */
  readonly #mutex = new KeyedMutex()
  #opening: Promise<{ own: Corestore; foreign: Corestore }> | null = null
  /** When a blob of ours was last put, by its hash in hex, ms. */
  readonly #put = new Map<string, number>()
  /** Number of blobs fetched over a connection. */
  fetched = 0

  constructor(options: BlobsOptions) {
    super()
    this.#options = options
    this.#fetches = join(options.folder, 'fetching')
    this.cache = new BlobCache({
      folder: join(options.folder, 'cache'),
      bytes: options.cacheBytes ?? 4 * GIB
    })
  }

  protected override async _open(): Promise<void> {
    await this.cache.ready()
  }

  protected override async _close(): Promise<void> {
    await this.#mutex.idle()
    const stores = await this.#opening
    await stores?.own.close()
    await stores?.foreign.close()
    await this.cache.close()
  }

  /** The stores; opened on first use, because most nodes have no jobs. */
  #stores(): Promise<{ own: Corestore; foreign: Corestore }> {
    return (this.#opening ??= this.#openStores())
  }

  async #openStores(): Promise<{ own: Corestore; foreign: Corestore }> {
    await rm(this.#fetches, { recursive: true, force: true })
    const own = openStore(join(this.#options.folder, 'cores'))
    // A separate store for fetched cores, so that a peer cannot make us fetch a core of our own.
    const foreign = openStore(this.#fetches)
    await Promise.all([own.ready(), foreign.ready()])
    return { own, foreign }
  }

  /** Stores bytes, given in parts. Equal bytes give the same blob. On disk when it resolves. */
  async put(parts: readonly Buffer[]): Promise<LocalBlob> {
    const sha256 = await sha256InSteps(parts)
    return this.#mutex.run(sha256.toString('hex'), async () => {
      const core = await this.#core(sha256)
      const byteLength = parts.reduce((sum, part) => sum + part.byteLength, 0)
      const length = Math.ceil(byteLength / BLOB_BLOCK_BYTES)
      let batch: Buffer[] = []
      let index = 0
      for (const block of blocksOf(parts)) {
        // Continues after the blocks that an interrupted put has stored.
        if (index++ < core.length) continue
        batch.push(block)
        if (batch.length < BATCH) continue
        await core.append(batch)
        batch = []
        await breathe()
      }
      if (batch.length > 0) await core.append(batch)
      await settleCore(core)
      const { key } = core
      await core.close()
      const ref = { key, length, byteLength, sha256 }
      await this.#options.store.set(change(blobTable, sha256, ref))
      this.#put.set(sha256.toString('hex'), trustedNow())
      return { ref }
    })
  }

  /** Whether our store has the complete blob. */
  async holds({ sha256, key, length }: Blob): Promise<boolean> {
    const core = await this.#core(sha256)
    const holds = core.key.equals(key) && core.length === length
    await core.close()
    return holds
  }

  /** Allows the device to fetch the blob for the agreement. */
  grant(ref: Blob, device: Buffer, agreement: Buffer): void {
    const id = crypto.discoveryKey(ref.key).toString('hex')
    let served = this.#served.get(id)
    if (!served) this.#served.set(id, (served = { ref, readers: new Map(), session: null, sent: new Map() }))
    const reader = device.toString('hex')
    const agreements = served.readers.get(reader) ?? new Set()
    served.readers.set(reader, agreements.add(agreement.toString('hex')))
  }

  /** Ends a grant. The device can no longer fetch the blob unless another agreement names it. */
  async revoke(ref: Blob, device: Buffer, agreement: Buffer): Promise<void> {
    const id = crypto.discoveryKey(ref.key).toString('hex')
    const served = this.#served.get(id)
    const reader = device.toString('hex')
    const agreements = served?.readers.get(reader)
    if (!served || !agreements?.delete(agreement.toString('hex')) || agreements.size > 0) return
    served.readers.delete(reader)
    const core = await served.session
    for (const peer of core?.peers.filter(({ remotePublicKey }) => remotePublicKey.equals(device)) ?? [])
      detachCore(core!, peer.stream)
    if (served.readers.size > 0) return
    this.#served.delete(id)
    await core?.close()
  }

  /** Attaches the core to the connection when its device may fetch the blob; returns whether it did. */
  async serve(discoveryKey: Buffer, stream: NoiseStream): Promise<boolean> {
    const served = this.#served.get(discoveryKey.toString('hex'))
    if (!served?.readers.has(stream.remotePublicKey.toString('hex'))) return false
    served.session ??= this.#open(served)
    attachCore(await served.session, stream)
    return true
  }

  async #open({ ref, sent }: Served): Promise<Hypercore> {
    const core = await this.#core(ref.sha256)
    core.on('upload', (index: number, _bytes: number, peer: { remotePublicKey: Buffer }) => {
      const reader = peer.remotePublicKey.toString('hex')
      sent.set(reader, (sent.get(reader) ?? new Set()).add(index))
    })
    return core
  }

  /** Whether the device was sent every block since this node started. */
  wasSent(ref: Blob, device: Buffer): boolean {
    const served = this.#served.get(crypto.discoveryKey(ref.key).toString('hex'))
    return (served?.sent.get(device.toString('hex'))?.size ?? 0) >= ref.length
  }

  /** Stops serving the blob and frees its disk space. */
  async drop({ key, sha256 }: Blob): Promise<void> {
    const id = crypto.discoveryKey(key).toString('hex')
    const session = await this.#served.get(id)?.session
    this.#served.delete(id)
    if (session) {
      detachCore(session)
      await session.close()
    }
    await this.#mutex.run(sha256.toString('hex'), () => this.#erase(sha256))
  }

  /** Erases own blobs that nothing needs, as far as they exceed `ownBytes`. */
  async sweep(): Promise<void> {
    const { ownBytes = GIB, needed } = this.#options
    let idle = [...this.#options.store.table(blobTable).list()]
      .map(({ value }) => value)
      .filter(ref => this.#isIdle(ref))
    if (bytesOf(idle) <= ownBytes) return
    const kept = new Set([...(needed?.() ?? [])].map(({ sha256 }) => sha256.toString('hex')))
    idle = idle.filter(({ sha256 }) => !kept.has(sha256.toString('hex')))
    let bytes = bytesOf(idle)
    for (const ref of idle) {
      if (bytes <= ownBytes) return
      // It may have been put again during the loop.
      await this.#mutex.run(ref.sha256.toString('hex'), async () => {
        if (this.#isIdle(ref)) await this.#erase(ref.sha256)
      })
      bytes -= ref.byteLength
    }
  }

  /** Whether no agreement names the blob and it was not put recently. */
  #isIdle({ key, sha256 }: Blob): boolean {
    if (this.#served.has(crypto.discoveryKey(key).toString('hex'))) return false
    const at = this.#put.get(sha256.toString('hex')) ?? 0
    return trustedNow() - at >= (this.#options.freshMs ?? HOUR)
  }

  async #erase(sha256: Buffer): Promise<void> {
    await eraseCore((await this.#stores()).own, await this.#core(sha256))
    await this.#options.store.set(change(blobTable, sha256, null))
    this.#put.delete(sha256.toString('hex'))
  }

  /** Gets the blob into the cache, from the peer if needed, and pins it there until `cache.release`. */
  async bring(ref: Blob, fetching: Fetching): Promise<void> {
    const { from } = fetching
    if (this.cache.pin(from, ref.sha256)) return
    // One fetch of a core at a time, because each fetch has its own peer.
    await this.#mutex.run(ref.key.toString('hex'), async () => {
      if (this.cache.pin(from, ref.sha256)) return
      fetching.signal.throwIfAborted()
      const bytes = await this.#fetch(ref, fetching)
      await this.cache.write(from, ref.sha256, bytes)
    })
  }

  async #fetch(ref: Blob, { stream, signal }: Fetching): Promise<Buffer> {
    if (ref.length === 0) return Buffer.alloc(0)
    const { foreign } = await this.#stores()
    const core = foreign.get({ key: ref.key, allowFork: false })
    await core.ready()
    core.core.replicator.eagerUpgrade = false
    try {
      const bytes = await fetchBlob(core, ref, {
        stream: await stream(),
        signal,
        stallMs: this.#options.stallMs ?? 60_000
      })
      this.fetched++
      return bytes
    } finally {
      await eraseCore(foreign, core)
    }
  }

  async #core(sha256: Buffer): Promise<Hypercore> {
    const { own } = await this.#stores()
    // Opened by key pair, not by name: the store remembers erased cores by name.
    const core = own.get({ keyPair: await own.createKeyPair(`blob/${sha256.toString('hex')}`) })
    await core.ready()
    return core
  }
}

function bytesOf(refs: readonly Blob[]): number {
  return refs.reduce((sum, { byteLength }) => sum + byteLength, 0)
}

/** Splits parts into blocks; copies only blocks that span two parts. */
function* blocksOf(parts: readonly Buffer[]): Generator<Buffer> {
  let pending: Buffer[] = []
  let have = 0
  for (const part of parts) {
    for (let at = 0; at < part.byteLength;) {
      const piece = part.subarray(at, at + BLOB_BLOCK_BYTES - have)
      at += piece.byteLength
      have += piece.byteLength
      pending.push(piece)
      if (have < BLOB_BLOCK_BYTES) continue
      yield pending.length === 1 ? pending[0]! : Buffer.concat(pending)
      pending = []
      have = 0
    }
  }
  if (have > 0) yield Buffer.concat(pending)
}
