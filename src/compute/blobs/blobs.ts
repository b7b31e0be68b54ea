import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import ReadyResource from 'ready-resource'
import type { Blob } from '#spec'
import { decode, encode } from '../../../contracts/schema/codec.js'
import { BLOB_BLOCK_BYTES } from '../../../contracts/job.js'
import { GIB, HOUR } from '../../../contracts/money/quantity.js'
import type { Facts } from '../../store/facts.js'
import { attachCore, detachCore, eraseCore, openStore, settleCore } from '../../network/cores.js'
import { BlobCache } from './cache.js'
import { fetchBlob } from './fetch.js'
import { KeyedMutex } from '../../base/mutex.js'
import { breathe, sha256InSteps } from '../../base/steps.js'

/** A blob of ours, which this node can serve. */
export interface LocalBlob {
  ref: Blob
}

export interface BlobsOptions {
  /** `compute/` of the home. */
  folder: string
  facts: Facts
  /** What our own blobs may occupy that no agreement names, bytes. */
  ownBytes?: number
  /** A blob that was put is about to be named by an agreement for so long, ms. */
  freshMs?: number
  /** What fetched blobs that nobody needs may occupy, bytes. */
  cacheBytes?: number
  /** Blobs that stay, whether an agreement names them now or not. */
  needed?: () => Iterable<Blob>
  /** How long a fetch may stand still, ms. */
  stallMs?: number
}

export interface Fetching {
  /** Identity of whom it is fetched from. */
  from: Buffer
  stream: () => Promise<NoiseStream>
  signal: AbortSignal
}

const KIND = 'blob'
/** Blocks that are appended at a time. */
const BATCH = 8

interface Served {
  ref: Blob
  /** Devices that may have it, in hex, with the agreements that name it. */
  readers: Map<string, Set<string>>
  session: Promise<Hypercore> | null
  /** Blocks that were sent, by device in hex. */
  sent: Map<string, Set<number>>
}

/**
 * Modules, inputs and outputs as they travel: a core each, named by the hash of what is in it, served to the parties of
 * the agreements that name it. What is fetched is checked, and kept as a file.
 */
export class Blobs extends ReadyResource {
  readonly cache: BlobCache
  readonly #options: BlobsOptions
  readonly #fetches: string
  readonly #served = new Map<string, Served>()
  /** Of each core that is being fetched, or put, one at a time. */
  readonly #mutex = new KeyedMutex()
  #opening: Promise<{ own: Corestore; foreign: Corestore }> | null = null
  /** When a blob of ours was last put, by its hash in hex, ms. */
  readonly #put = new Map<string, number>()
  /** Fetches that went over a connection. */
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

  /** The stores, which open when they are first needed: most nodes have no job. */
  #stores(): Promise<{ own: Corestore; foreign: Corestore }> {
    return (this.#opening ??= this.#openStores())
  }

  async #openStores(): Promise<{ own: Corestore; foreign: Corestore }> {
    await rm(this.#fetches, { recursive: true, force: true })
    const own = openStore(join(this.#options.folder, 'cores'))
    // Apart from our own: nobody is to have us fetch from ourselves.
    const foreign = openStore(this.#fetches)
    await Promise.all([own.ready(), foreign.ready()])
    return { own, foreign }
  }

  /** Takes bytes, in parts; the same ones again are the same blob. On disk when it resolves. */
  async put(parts: readonly Buffer[]): Promise<LocalBlob> {
    const sha256 = await sha256InSteps(parts)
    return this.#mutex.run(sha256.toString('hex'), async () => {
      const core = await this.#core(sha256)
      const byteLength = parts.reduce((sum, part) => sum + part.byteLength, 0)
      const length = Math.ceil(byteLength / BLOB_BLOCK_BYTES)
      let batch: Buffer[] = []
      let index = 0
      for (const block of blocksOf(parts)) {
        // What a kill has cut off goes on where it stands.
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
      await this.#options.facts.set({ kind: KIND, key: sha256, value: encode('blob', ref) })
      this.#put.set(sha256.toString('hex'), Date.now())
      return { ref }
    })
  }

  /** True when the whole of it is in our store. */
  async holds({ sha256, key, length }: Blob): Promise<boolean> {
    const core = await this.#core(sha256)
    const holds = core.key.equals(key) && core.length === length
    await core.close()
    return holds
  }

  /** From now on that device may have it, for that agreement. */
  grant(ref: Blob, device: Buffer, agreement: Buffer): void {
    const id = crypto.discoveryKey(ref.key).toString('hex')
    let served = this.#served.get(id)
    if (!served) this.#served.set(id, (served = { ref, readers: new Map(), session: null, sent: new Map() }))
    const reader = device.toString('hex')
    const agreements = served.readers.get(reader) ?? new Set()
    served.readers.set(reader, agreements.add(agreement.toString('hex')))
  }

  /** The agreement is over: what no other one names is served to that device no more. */
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

  /** Attaches the core to the connection of whoever may have it. */
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

  /** True when that device was sent every block since this node is up. */
  wasSent(ref: Blob, device: Buffer): boolean {
    const served = this.#served.get(crypto.discoveryKey(ref.key).toString('hex'))
    return (served?.sent.get(device.toString('hex'))?.size ?? 0) >= ref.length
  }

  /** Ends all serving of it, and gives its disk back. */
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

  /** Gives back the disk of blobs of ours that nothing needs any more, when they are more than they may be. */
  async sweep(): Promise<void> {
    const { ownBytes = GIB, needed } = this.#options
    let idle = [...this.#options.facts.list(KIND)]
      .map(({ value }) => decode('blob', value))
      .filter(ref => this.#isIdle(ref))
    if (bytesOf(idle) <= ownBytes) return
    const kept = new Set([...(needed?.() ?? [])].map(({ sha256 }) => sha256.toString('hex')))
    idle = idle.filter(({ sha256 }) => !kept.has(sha256.toString('hex')))
    let bytes = bytesOf(idle)
    for (const ref of idle) {
      if (bytes <= ownBytes) return
      // It may have been put again while others were dropped.
      await this.#mutex.run(ref.sha256.toString('hex'), async () => {
        if (this.#isIdle(ref)) await this.#erase(ref.sha256)
      })
      bytes -= ref.byteLength
    }
  }

  /** No agreement names it, and none is about to. */
  #isIdle({ key, sha256 }: Blob): boolean {
    if (this.#served.has(crypto.discoveryKey(key).toString('hex'))) return false
    const at = this.#put.get(sha256.toString('hex')) ?? 0
    return Date.now() - at >= (this.#options.freshMs ?? HOUR)
  }

  async #erase(sha256: Buffer): Promise<void> {
    await eraseCore((await this.#stores()).own, await this.#core(sha256))
    await this.#options.facts.set({ kind: KIND, key: sha256, value: null })
    this.#put.delete(sha256.toString('hex'))
  }

  /** The blob, from the cache or from the other end of a connection; it stays in the cache until it is released. */
  async bring(ref: Blob, fetching: Fetching): Promise<void> {
    const { from } = fetching
    if (this.cache.pin(from, ref.sha256)) return
    // A core that is being fetched has one source: that of whoever names it.
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
    // Of a name the store would remember that its core was erased.
    const core = own.get({ keyPair: await own.createKeyPair(`blob/${sha256.toString('hex')}`) })
    await core.ready()
    return core
  }
}

function bytesOf(refs: readonly Blob[]): number {
  return refs.reduce((sum, { byteLength }) => sum + byteLength, 0)
}

/** The blocks of a blob; only what lies across two parts is copied. */
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
