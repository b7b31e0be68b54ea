import { mkdir, readdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import ReadyResource from 'ready-resource'
import type { BlockProof, BlockReference, CoreLimit, SealedCore } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { billedBytes } from '../../../contracts/money/money.js'
import { MAX_AUDIT_BLOCKS } from '../../../contracts/schema/counts.js'
import { GIB, KIB } from '../../../contracts/money/quantity.js'
import { Mutex } from '../../base/mutex.js'
import { compactCore, settleCore } from '../../network/cores.js'
import { proofOf, sealOf } from '../lease/audit.js'
import { freeBytes, occupiedBytes, removeFolder } from '../../files/disk.js'
import { EgressJournal, charge, egressLeft } from './egress.js'
import { ShelvedCore } from './shelved-core.js'
import { fetchCore } from './fetch.js'
import { LeaseFiles } from './lease-files.js'
import type { ShelfLease, ShelvedLease } from './lease-files.js'

/** What a core's own store occupies beside its blocks when it is at rest, and beside its bytes for each block. */
const STORE_OVERHEAD = 512 * KIB
const BLOCK_ON_DISK = 192

export interface ShelfOptions {
  folder: string
  /** Bytes that leases may reserve in all; none: as many as the disk has. */
  space?: number
  /** Bytes of the disk that are never promised; default 1 GiB or a twentieth of the disk, whichever is less. */
  margin?: number
  /** Bytes still free under a folder; the disk itself, unless a test says otherwise. */
  free?: (folder: string) => Promise<number>
}

export interface ShelfProgress {
  blocks: number
  bytes: number
  totalBlocks: number
  totalBytes: number
}

export interface ShelfUsage {
  /** Of the real disk, with all overheads. */
  usedBytes: number
  /** What the leases may grow to: their bytes and 128 a block. */
  reservedBytes: number
  freeBytes: number
}

/**
 * Other people's cores, as ciphertext: opened by public key, up to the agreed length and bytes, each in a folder of its
 * own. What is on the shelf, and how much of it has been read, survives SIGKILL (of the count of bytes read, at most the
 * last 2 seconds or 4 MiB are lost).
 *
 * Events: `paused` and `resumed` (id): a fetch waits for room on the disk. `egress-spent` (id): the lease's last byte of
 * egress has been read. `problem` (error): something failed that nobody awaits.
 */
export class Shelf extends ReadyResource {
  readonly #folder: string
  readonly #space: number
  readonly #margin: number | undefined
  readonly #free: (folder: string) => Promise<number>
  readonly #files: LeaseFiles
  readonly #leases = new Map<string, ShelvedLease>()
  /** By discovery key, hex. */
  readonly #cores = new Map<string, ShelvedCore>()
  readonly #fetches = new Map<string, { done: Promise<void>; stop: AbortController }>()
  readonly #journal: EgressJournal<ShelvedLease>
  readonly #removals = new Set<Promise<void>>()
  /** One change of the files at a time. */
  readonly #mutex = new Mutex()

  constructor({ folder, space = Infinity, margin, free = freeBytes }: ShelfOptions) {
    super()
    this.#folder = folder
    this.#space = space
    this.#margin = margin
    this.#free = free
    this.#files = new LeaseFiles(join(folder, 'leases'))
    this.#journal = new EgressJournal(
      lease => this.#save(lease),
      error => this.emit('problem', error)
    )
  }

  protected override async _open(): Promise<void> {
    await mkdir(join(this.#folder, 'cores'), { recursive: true, mode: 0o700 })
    const { leases, unreadable } = await this.#files.read()
    for (const lease of leases) {
      this.#leases.set(lease.id, lease)
      for (const { key } of lease.cores) this.#shelve(key)
    }
    for (const path of unreadable) {
      this.emit('problem', new BushelError('FAILED', `'${path}' cannot be read; its lease is not served`))
    }
    // a lease's file goes before its cores: what no lease names was being removed (unless a lease could not be read)
    if (unreadable.length === 0) await this.#sweep()
  }

  protected override async _close(): Promise<void> {
    for (const { stop } of this.#fetches.values()) stop.abort(closing())
    await Promise.allSettled([...this.#fetches.values()].map(fetch => fetch.done))
    await Promise.allSettled(this.#removals)
    await Promise.all([...this.#cores.values()].map(core => core.close()))
    await this.#journal.flush()
  }

  /** What is kept here, in no order. */
  get leases(): readonly Readonly<ShelvedLease>[] {
    return [...this.#leases.values()]
  }

  has(id: string): boolean {
    return this.#leases.has(id)
  }

  /**
   * Puts a lease on the shelf, durably; nothing is fetched before `fetch`. Again with the same id: its egress is what it
   * is now given, all else must be as it was.
   */
  async keep({ id, cores, egressBytes }: ShelfLease): Promise<void> {
    await this.ready()
    const known = this.#leases.get(id)
    if (known && !sameCores(known.cores, cores)) {
      throw new BushelError('BAD_INPUT', `lease ${id} is on the shelf with other cores`)
    }
    const lease: ShelvedLease = known ?? { id, cores, egressBytes, egressUsed: 0, complete: false }
    lease.egressBytes = egressBytes
    this.#leases.set(id, lease)
    for (const { key } of cores) this.#shelve(key)
    await this.#save(lease)
  }

  /** Fetches from this connection too (and may be read over it), as long as it lasts: the uploader's. */
  async attach(id: string, stream: Duplex): Promise<void> {
    const { cores } = this.#get(id)
    await Promise.all(cores.map(({ key }) => this.#shelve(key).attach(stream, true)))
  }

  /**
   * Fetches the agreed blocks of a lease, and no others, from the connections attached now and later; resolves when all
   * are here and verified, and goes on from what was here before. Throws a violation (codes CORE_FORKED, CORE_TOO_LARGE,
   * BLOCK_TOO_LARGE), after which nothing more is taken from the uploader, or the signal's reason. A second call shares
   * the fetch that runs.
   */
  fetch(
    id: string,
    { signal, onProgress }: { signal?: AbortSignal; onProgress?: (progress: ShelfProgress) => void } = {}
  ): Promise<void> {
    const running = this.#fetches.get(id)
    if (running) return running.done
    const stop = new AbortController()
    const onabort = (): void => stop.abort(signal?.reason)
    if (signal?.aborted) onabort()
    signal?.addEventListener('abort', onabort)
    const done = this.#fetch(id, stop, onProgress).finally(() => {
      signal?.removeEventListener('abort', onabort)
      this.#fetches.delete(id)
    })
    this.#fetches.set(id, { done, stop })
    return done
  }

  async #fetch(
    id: string,
    stop: AbortController,
    onProgress: ((progress: ShelfProgress) => void) | undefined
  ): Promise<void> {
    await this.ready()
    const lease = this.#get(id)
    const floor = (await this.#marginBytes()) / 2
    const counts = lease.cores.map(() => ({ blocks: 0, bytes: 0 }))
    const total = totals(lease.cores)
    let waiting = false
    const isFull = async (): Promise<boolean> => {
      const full = (await this.#free(this.#folder)) < floor
      if (full !== waiting) this.emit(full ? 'paused' : 'resumed', id)
      return (waiting = full)
    }
    const fetchOne = (limit: CoreLimit, i: number): Promise<void> => {
      const shelved = this.#shelve(limit.key)
      return shelved.use(core =>
        fetchCore(core, {
          limit,
          signal: stop.signal,
          isFull,
          isUploader: peer => shelved.isUploader(peer),
          onProgress: progress => {
            counts[i] = progress
            onProgress?.({
              blocks: counts.reduce((sum, count) => sum + count.blocks, 0),
              bytes: counts.reduce((sum, count) => sum + count.bytes, 0),
              totalBlocks: total.length,
              totalBytes: total.byteLength
            })
          }
        })
      )
    }
    await Promise.all(lease.cores.map((limit, i) => fetchOne(limit, i).catch(error => stop.abort(error))))
    if (stop.signal.aborted) {
      const reason = stop.signal.reason as unknown
      if (reason instanceof BushelError) for (const { key } of lease.cores) this.#shelve(key).detach()
      throw reason
    }
    if (!this.#leases.has(id)) throw closing()
    lease.complete = true
    await this.#save(lease)
  }

  /**
   * Serves a core over the connection to whoever knows its key. False when it is not kept here, or when the egress of
   * every lease that names it is spent.
   */
  async serve(discoveryKey: Buffer, stream: Duplex): Promise<boolean> {
    await this.ready()
    const core = this.#cores.get(discoveryKey.toString('hex'))
    if (!core || this.closing) return false
    const leases = this.#naming(core)
    if (leases.every(lease => egressLeft(lease) === 0)) {
      for (const { id } of leases) this.emit('egress-spent', id)
      return false
    }
    await core.attach(stream, false)
    return true
  }

  /** Ends all reading of a lease's cores that is under way; who asks anew is for `serve` to answer. */
  async silence(id: string): Promise<void> {
    const { cores } = this.#get(id)
    await Promise.all(cores.map(({ key }) => this.#shelve(key).detach()))
  }

  /** Counts bytes that left otherwise than by replication; false, and nothing is counted, when they are not covered. */
  charge(id: string, bytes: number): boolean {
    const lease = this.#get(id)
    if (egressLeft(lease) < bytes) return false
    lease.egressUsed += bytes
    this.#journal.note(lease, bytes)
    return true
  }

  egressBytes(id: string): number {
    return this.has(id) ? this.egress(id).usedBytes : 0
  }

  egress(id: string): { usedBytes: number; limitBytes: number } {
    const { egressUsed, egressBytes } = this.#get(id)
    return { usedBytes: egressUsed, limitBytes: egressBytes }
  }

  /** The cores of a lease as they are on disk, to be compared with the buyer's seal; throws INCOMPLETE. */
  async seals(id: string): Promise<SealedCore[]> {
    await this.ready()
    const { cores } = this.#get(id)
    return Promise.all(
      cores.map(({ key, length }) =>
        this.#shelve(key).use(async core => {
          if (!(await core.has(0, length))) {
            throw new BushelError('INCOMPLETE', `lease ${id} is not complete`)
          }
          await settleCore(core)
          return sealOf(core, length)
        })
      )
    )
  }

  /**
   * Blocks with their Merkle proofs, for an audit of a sealed lease, in the order asked. Throws bad input on a request out
   * of bounds, BLOCK_MISSING when one is not here.
   */
  async proofs(id: string, blocks: readonly BlockReference[]): Promise<BlockProof[]> {
    await this.ready()
    const { cores } = this.#get(id)
    if (blocks.length > MAX_AUDIT_BLOCKS) throw new BushelError('BAD_INPUT', 'an audit of too many blocks')
    const prove = ({ core: position, index }: BlockReference): Promise<BlockProof> => {
      const { key, length } = cores[position]!
      return this.#shelve(key).use(core => proofOf(core, { position, index, length }))
    }
    for (const { core, index } of blocks) {
      if (index >= (cores[core]?.length ?? 0)) throw new BushelError('BAD_INPUT', 'an audit out of bounds')
    }
    return Promise.all(blocks.map(prove))
  }

  /**
   * Takes a lease off the shelf; its cores go with it, unless another lease names them. From the first await on it is
   * no longer served; resolves when its disk has been given back (or, after a crash, at the next start).
   */
  drop(id: string): Promise<void> {
    const removal = this.#drop(id).finally(() => this.#removals.delete(removal))
    this.#removals.add(removal)
    return removal
  }

  async #drop(id: string): Promise<void> {
    const lease = this.#leases.get(id)
    if (!lease) return
    this.#leases.delete(id)
    this.#journal.forget(lease)
    const fetch = this.#fetches.get(id)
    fetch?.stop.abort(closing())
    await fetch?.done.catch(() => undefined) // its caller hears it
    await this.#mutex.run(() => this.#files.remove(id))
    for (const { key } of lease.cores) {
      const core = this.#shelve(key)
      const left = Math.max(0, ...this.#naming(core).map(({ cores }) => lengthIn(cores, key)))
      if (left > 0) await core.use(async open => shorten(open, left))
      else await this.#mutex.run(() => this.#remove(core))
    }
  }

  /** What the shelf occupies and may grow to. Looks at every file of it. */
  async usage(): Promise<ShelfUsage> {
    await this.ready()
    return {
      usedBytes: await occupiedBytes(this.#folder),
      reservedBytes: this.#reserved(),
      freeBytes: await this.#free(this.#folder)
    }
  }

  /**
   * Is there room for a new lease of so many bytes (billed: with 128 a block)? What other leases have still to fetch, and
   * the margin, are not given away.
   */
  async canReserve(bytes: number): Promise<boolean> {
    await this.ready()
    if (this.#reserved() + bytes > this.#space) return false
    let coming = 0
    for (const { cores, complete } of this.#leases.values()) {
      if (complete) continue
      for (const limit of cores) {
        const here = await occupiedBytes(this.#shelve(limit.key).folder)
        const whole = limit.byteLength + limit.length * BLOCK_ON_DISK + STORE_OVERHEAD
        coming += Math.max(0, whole - here)
      }
    }
    const free = await this.#free(this.#folder)
    return free - coming - (await this.#marginBytes()) >= bytes + STORE_OVERHEAD
  }

  async #marginBytes(): Promise<number> {
    if (this.#margin !== undefined) return this.#margin
    const { blocks, bsize } = await statfs(this.#folder)
    return Math.min(GIB, (blocks * bsize) / 20)
  }

  #reserved(): number {
    return [...this.#leases.values()].reduce((sum, { cores }) => sum + Number(billedBytes(cores)), 0)
  }

  #get(id: string): ShelvedLease {
    const lease = this.#leases.get(id)
    if (!lease) throw new BushelError('LEASE_NOT_FOUND', `no lease ${id} is on the shelf`)
    return lease
  }

  #shelve(key: Buffer): ShelvedCore {
    const folder = join(this.#folder, 'cores', key.toString('hex'))
    const fresh = new ShelvedCore(folder, key, bytes => this.#read(fresh, bytes))
    const id = fresh.discoveryKey.toString('hex')
    const core = this.#cores.get(id) ?? fresh
    this.#cores.set(id, core)
    return core
  }

  /** Leases that name a core. */
  #naming(core: ShelvedCore): ShelvedLease[] {
    return [...this.#leases.values()].filter(({ cores }) => lengthIn(cores, core.key) > 0)
  }

  /** Bytes of a core have been read by a peer. */
  #read(core: ShelvedCore, bytes: number): void {
    const leases = this.#naming(core)
    const payer = charge(leases, bytes)
    if (!payer) return
    this.#journal.note(payer, bytes)
    if (leases.some(lease => egressLeft(lease) > 0)) return
    const exceptUploader = leases.some(({ complete }) => !complete)
    // after the block that is just leaving
    queueMicrotask(() => core.detach({ exceptUploader }))
    this.emit('egress-spent', payer.id)
  }

  /** Removes a core that nothing names any more. */
  async #remove(core: ShelvedCore): Promise<void> {
    if (this.#naming(core).length > 0) return
    this.#cores.delete(core.discoveryKey.toString('hex'))
    await core.remove()
  }

  /** Writes a lease, unless it has been dropped meanwhile. */
  #save(lease: ShelvedLease): Promise<void> {
    return this.#mutex.run(async () => {
      if (this.#leases.get(lease.id) === lease) await this.#files.write(lease)
    })
  }

  async #sweep(): Promise<void> {
    const folder = join(this.#folder, 'cores')
    const kept = new Set([...this.#cores.values()].map(core => core.folder))
    for (const name of await readdir(folder)) {
      const path = join(folder, name)
      if (!kept.has(path)) await removeFolder(path)
    }
  }
}

async function shorten(core: Parameters<typeof compactCore>[0], length: number): Promise<void> {
  if (core.length <= length) return
  await core.clear(length, core.length)
  await compactCore(core)
}

function lengthIn(cores: readonly CoreLimit[], key: Buffer): number {
  return cores.find(core => core.key.equals(key))?.length ?? 0
}

function totals(cores: readonly CoreLimit[]): { length: number; byteLength: number } {
  return {
    length: cores.reduce((sum, core) => sum + core.length, 0),
    byteLength: cores.reduce((sum, core) => sum + core.byteLength, 0)
  }
}

function sameCores(a: readonly CoreLimit[], b: readonly CoreLimit[]): boolean {
  const text = (cores: readonly CoreLimit[]): string =>
    cores.map(core => `${core.key.toString('hex')} ${core.length} ${core.byteLength}`).join()
  return text(a) === text(b)
}

function closing(): BushelError {
  return new BushelError('CLOSING', 'it is being taken off the shelf', 'ask again later')
}
