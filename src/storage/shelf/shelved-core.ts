import type { Duplex } from 'node:stream'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import { systemClock } from '../../base/clock.js'
import type { ReplicationPeer } from 'hypercore'
import { attachCore, detachCore, gateCore, openStore } from '../../network/cores.js'
import { removeFolder } from '../../files/disk.js'

/** How long an unused core stays open, ms. */
const LINGER = 5000

/** Who uploads for a holder: its owner, or another one who holds the same core. */
type Uploader = 'owner' | 'source'

/** A connection over which a core replicates. */
interface StreamLink {
  /** By the id of the holder that the peer uploads for. */
  uploads: Map<string, Uploader>
  /** The holder for which the peer may read, and which is charged; null: it may not. */
  account: string | null
  ended: boolean
  onclose: () => void
  attached: Promise<void>
}

/**
 * One core on the shelf, in a store and a folder of its own, so that its disk space can be measured and is freed entirely
 * when the folder is deleted (a store shared by many cores frees a blob file only when everything in it is cleared). It
 * is opened on use, by its public key alone, and closed when unused for a while.
 *
 * It never accepts a fork, and takes blocks past those it has only during a fetch.
 */
export class ShelvedCore {
  readonly key: Buffer
  readonly discoveryKey: Buffer
  readonly folder: string
  readonly group: string
  readonly #onupload: (bytes: number, holder: string | null, stream: Duplex) => void
  readonly #onopen: () => void
  #opened: Promise<{ store: Corestore; core: Hypercore }> | null = null
  #core: Hypercore | null = null
  #shut: Promise<void> = Promise.resolve()
  #users = 0
  #used = systemClock.monotonic()
  #timer: NodeJS.Timeout | null = null
  #gone = false
  readonly #links = new Map<Duplex, StreamLink>()

  /** `onupload` is called with the bytes that a peer reads and whom that is charged to, `onopen` when files are opened. */
  constructor(
    folder: string,
    key: Buffer,
    onupload: (bytes: number, holder: string | null, stream: Duplex) => void,
    onopen = (): void => undefined,
    group = ''
  ) {
    this.group = group
    this.folder = folder
    this.key = key
    this.discoveryKey = crypto.discoveryKey(key)
    this.#onupload = onupload
    this.#onopen = onopen
  }

  /** Whether it has files open. */
  get isOpen(): boolean {
    return this.#opened !== null
  }

  /** When it was last read or written, or closed, by the monotonic clock; null while work needs it open. */
  get idleSince(): number | null {
    return this.#users > this.#links.size ? null : this.#used
  }

  /** Ends all replication and closes the files; the next use opens them. */
  rest(): void {
    this.detach()
    this.#shutDown()
  }

  /** Runs `work` with the core open. */
  async use<T>(work: (core: Hypercore) => Promise<T>): Promise<T> {
    const core = await this.#acquire()
    try {
      return await work(core)
    } finally {
      this.#release()
    }
  }

  /** Replicates over the connection until it ends or `detach`: for a reader, or the uploader of a holder. */
  async attach(stream: Duplex, holder: string | null, reads = holder, as: Uploader = 'owner'): Promise<void> {
    const known = this.#links.get(stream)
    if (known) {
      if (holder !== null && known.uploads.get(holder) !== 'owner') known.uploads.set(holder, as)
      known.account ??= reads
      return known.attached
    }
    if (stream.destroyed) return
    const link: StreamLink = {
      uploads: new Map(holder === null ? [] : [[holder, as]]),
      account: reads,
      ended: false,
      onclose: () => this.#end(stream),
      attached: Promise.resolve()
    }
    this.#links.set(stream, link)
    stream.once('close', link.onclose)
    link.attached = this.#acquire().then(core => {
      if (!link.ended) attachCore(core, stream)
    })
    link.attached.catch(() => {
      this.#links.delete(stream) // its caller gets the error; there is nothing to release
      stream.off('close', link.onclose)
    })
    return link.attached
  }

  /** Ends the replication over all connections but those that `keep` is true for, by the holders they upload for. */
  detach(keep: (uploads: StreamLink['uploads']) => boolean = () => false): void {
    for (const [stream, link] of [...this.#links]) {
      if (keep(link.uploads)) continue
      if (this.#core?.opened) detachCore(this.#core, stream)
      this.#end(stream)
    }
  }

  /**
   * Charges the readers of a holder to the one that `to` gives; where that is null, `onover` is called and their reading ends.
   * Uploads go on.
   */
  moveReaders(from: string, to: (stream: Duplex) => string | null, onover: (stream: Duplex) => void): void {
    const over = new Set<StreamLink['uploads']>()
    for (const [stream, link] of this.#links) {
      if (link.account !== from) continue
      link.account = to(stream)
      if (link.account !== null || link.uploads.size > 0) continue
      over.add(link.uploads)
      onover(stream)
    }
    this.detach(uploads => !over.has(uploads))
  }

  /** Accepts nothing more from uploaders of a holder; a connection that also uploads for another one stays. */
  detachUploader(holder: string): void {
    const its = [...this.#links.values()].filter(({ uploads }) => uploads.delete(holder))
    const over = new Set(its.map(({ uploads }) => uploads).filter(uploads => uploads.size === 0))
    this.detach(uploads => !over.has(uploads))
  }

  /** True when this peer uses a connection of the holder's owner, whose claims count; those of another source do not. */
  isUploader(peer: { stream: Duplex }, holder: string): boolean {
    return this.#links.get(peer.stream)?.uploads.get(holder) === 'owner'
  }

  async close(): Promise<void> {
    this.#gone = true
    this.detach()
    this.#shutDown()
    await this.#shut
  }

  /** Closes the core and deletes its folder. */
  async remove(): Promise<void> {
    await this.close()
    await removeFolder(this.folder)
  }

  #end(stream: Duplex): void {
    const link = this.#links.get(stream)
    if (!link) return
    this.#links.delete(stream)
    stream.off('close', link.onclose)
    link.ended = true
    const release = (): void => this.#release()
    link.attached.then(release, () => undefined) // a failed attach has nothing to release
  }

  async #acquire(): Promise<Hypercore> {
    if (this.#gone) throw new Error('this core is no longer on the shelf')
    this.#users++
    this.#used = systemClock.monotonic()
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    try {
      if (!this.#opened) {
        this.#opened = this.#shut.then(() => this.#openNow())
        this.#onopen()
      }
      return (await this.#opened).core
    } catch (error) {
      this.#opened = null
      this.#users--
      throw error
    }
  }

  #release(): void {
    this.#used = systemClock.monotonic()
    if (--this.#users > 0 || this.#gone || !this.#opened) return
    this.#timer = setTimeout(() => this.#shutDown(), LINGER)
    this.#timer.unref()
  }

  async #openNow(): Promise<{ store: Corestore; core: Hypercore }> {
    const store = openStore(this.folder)
    const core = store.get({ key: this.key, active: false, allowFork: false })
    try {
      await core.ready()
    } catch (error) {
      await store.close()
      throw error
    }
    core.core.replicator.eagerUpgrade = false
    core.on('upload', (_index: number, bytes: number, peer: ReplicationPeer) => {
      this.#used = systemClock.monotonic()
      this.#onupload(bytes, this.#links.get(peer.stream)?.account ?? null, peer.stream)
    })
    gateCore(core, stream => (this.#links.get(stream)?.account ?? null) !== null)
    core.on('conflict', () => this.#shutDown()) // hypercore closes the session; the blocks stay
    this.#core = core
    return { store, core }
  }

  #shutDown(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    const opened = this.#opened
    this.#opened = null
    this.#core = null
    if (!opened) return
    this.#shut = opened.then(
      ({ store }) => store.close(),
      () => undefined // it never opened, and its caller got the error
    )
  }
}
