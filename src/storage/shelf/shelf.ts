import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import ReadyResource from 'ready-resource'
import type { BlockProof, BlockReference, SealedCore } from '#spec'
import { BushelError, isBlamed } from '../../../contracts/errors/error.js'
import { Mutex } from '../../base/mutex.js'
import { freeBytes } from '../../files/disk.js'
import { EgressJournal, payerOf } from './egress.js'
import { proofsOf, sealsOf } from './evidence.js'
import { Fetching } from './fetching.js'
import type { FetchCall } from './fetching.js'
import { lengthIn } from './holder.js'
import type { Holder, HolderKind } from './holder.js'
import type { ShelvedCore } from './shelved-core.js'
import { ShelvedCores } from './shelved-cores.js'
import { ShelfSpace } from './space.js'
import type { ShelfUsage } from './space.js'

export interface ShelfOptions {
  folder: string
  /** Whose holders are read from disk when the shelf opens. */
  kinds: readonly HolderKind[]
  /** Bytes that holders may reserve in all; none: as many as the disk has. */
  space?: number
  /** Bytes of the disk that are never promised; default 1 GiB or a twentieth of the disk, whichever is less. */
  margin?: number
  /** Bytes still free under a folder; the disk itself, unless a test says otherwise. */
  free?: (folder: string) => Promise<number>
}

/**
 * Other people's cores, as ciphertext: opened by public key, up to the agreed length and bytes, each in a folder of its
 * own, as long as one holder names it. What is on the shelf, and how much of it has been read, survives SIGKILL (of the
 * count of bytes read, at most the last 2 seconds or 4 MiB are lost).
 *
 * Events: `paused` and `resumed` (id): a fetch waits for room on the disk. `egress-spent` (id): the holder's last byte of
 * egress has been read. `problem` (error): something failed that nobody awaits.
 */
export class Shelf extends ReadyResource {
  readonly #folder: string
  readonly #kinds: readonly HolderKind[]
  readonly #holders = new Map<string, Holder>()
  readonly #cores: ShelvedCores
  readonly #space: ShelfSpace
  readonly #fetching: Fetching
  readonly #journal: EgressJournal<Holder>
  readonly #removals = new Set<Promise<void>>()
  /** One change of the files at a time. */
  readonly #mutex = new Mutex()

  constructor({ folder, kinds, space = Infinity, margin, free = freeBytes }: ShelfOptions) {
    super()
    this.#folder = folder
    this.#kinds = kinds
    this.#cores = new ShelvedCores(join(folder, 'cores'), (core, bytes) => this.#read(core, bytes))
    this.#space = new ShelfSpace({
      ...{ folder, space, margin, free },
      holders: () => this.#holders.values(),
      folderOf: key => this.#cores.of(key).folder
    })
    this.#fetching = new Fetching({
      coreOf: key => this.#cores.of(key),
      fullness: () => this.#space.fullness(),
      begin: id => this.#begin(id),
      fetched: holder => this.#fetched(holder),
      failed: (holder, error) => this.#failed(holder, error),
      onwaiting: ({ id }, waits) => this.emit(waits ? 'paused' : 'resumed', id)
    })
    this.#journal = new EgressJournal(
      holder => this.#save(holder),
      error => this.emit('problem', error)
    )
  }

  protected override async _open(): Promise<void> {
    await mkdir(join(this.#folder, 'cores'), { recursive: true, mode: 0o700 })
    let isWhole = true
    for (const kind of this.#kinds) {
      const { holders, unreadable } = await kind.read()
      for (const holder of holders) this.#put(holder)
      for (const path of unreadable) {
        isWhole = false
        this.emit(
          'problem',
          new BushelError('FAILED', `'${path}' cannot be read; the ${kind.kind} it describes is not served`)
        )
      }
    }
    // a holder's file goes before its cores: what no holder names was being removed (unless one could not be read)
    if (isWhole) await this.#cores.sweep()
  }

  protected override async _close(): Promise<void> {
    await this.#fetching.stopAll(closing())
    await Promise.allSettled(this.#removals)
    await this.#cores.close()
    await this.#journal.flush()
  }

  get holders(): Iterable<Holder> {
    return this.#holders.values()
  }

  get(id: string): Holder | null {
    return this.#holders.get(id) ?? null
  }

  /** Puts a holder on the shelf, durably; again, it is written as it is now. Nothing is fetched before `fetch`. */
  async hold(holder: Holder): Promise<void> {
    await this.ready()
    const known = this.#holders.get(holder.id)
    if (known && known !== holder)
      throw new BushelError('BAD_INPUT', `'${holder.id}' is already on the shelf`)
    this.#put(holder)
    await this.#save(holder)
  }

  /** Fetches for a holder from this connection too (and may be read over it), as long as it lasts: its uploader's. */
  async attach(id: string, stream: Duplex): Promise<void> {
    const { cores } = this.#known(id)
    await Promise.all(cores.map(({ key }) => this.#cores.of(key).attach(stream, id)))
  }

  /**
   * Fetches the blocks that a holder may keep, and no others, from the connections attached now and later; resolves when
   * all are here and verified, and goes on from what was here before. Throws a violation (codes CORE_FORKED,
   * CORE_TOO_LARGE, BLOCK_TOO_LARGE), after which nothing more is taken from its uploader, bad input when the holder
   * takes nothing in, or the signal's reason. A second call shares the fetch that runs.
   */
  fetch(id: string, call: FetchCall = {}): Promise<void> {
    return this.#fetching.fetch(id, call)
  }

  /** A fetch is about to begin. */
  async #begin(id: string): Promise<Holder> {
    await this.ready()
    const holder = this.#known(id)
    if (!holder.takesIn) throw new BushelError('BAD_INPUT', `'${id}' takes no upload now`)
    return holder
  }

  /** All blocks of a holder were fetched. */
  async #fetched(holder: Holder): Promise<void> {
    if (this.#holders.get(holder.id) !== holder) throw closing()
    holder.completed()
    await this.#save(holder)
  }

  #failed(holder: Holder, error: unknown): void {
    if (error instanceof BushelError) this.#rejectUploader(holder)
    if (isBlamed(error)) holder.violated(error)
  }

  /**
   * Serves a core over the connection to whoever knows its key. False when it is not kept here, or when the egress of
   * every holder that names it is spent.
   */
  async serve(discoveryKey: Buffer, stream: Duplex): Promise<boolean> {
    await this.ready()
    const core = this.#cores.get(discoveryKey)
    if (!core || this.closing) return false
    const holders = this.#naming(core)
    if (holders.every(({ egressLeft }) => egressLeft === 0)) {
      for (const { id } of holders) this.emit('egress-spent', id)
      return false
    }
    await core.attach(stream, null)
    return true
  }

  /**
   * Ends all reading of a holder's cores that is under way; who asks anew is for `serve` to answer. What is uploaded for
   * another holder of the same core goes on.
   */
  async silence(id: string): Promise<void> {
    const { cores } = this.#known(id)
    for (const { key } of cores)
      this.#cores.of(key).detach(uploads => [...uploads].some(other => other !== id))
  }

  /** Counts bytes that left otherwise than by replication; false, and nothing is counted, when they are not covered. */
  charge(id: string, bytes: number): boolean {
    const holder = this.#known(id)
    if (holder.egressLeft < bytes) return false
    holder.charge(bytes)
    this.#journal.note(holder, bytes)
    return true
  }

  /** See `sealsOf`. */
  async seals(id: string): Promise<SealedCore[]> {
    await this.ready()
    return sealsOf(this.#known(id), key => this.#cores.of(key))
  }

  /** See `proofsOf`. */
  async proofs(id: string, blocks: readonly BlockReference[]): Promise<BlockProof[]> {
    await this.ready()
    return proofsOf(this.#known(id), blocks, key => this.#cores.of(key))
  }

  /**
   * Takes a holder off the shelf; its cores go with it, unless another holder names them. From the first await on it is
   * no longer served; resolves when its disk has been given back (or, after a crash, at the next start).
   */
  drop(id: string): Promise<void> {
    const removal = this.#drop(id).finally(() => this.#removals.delete(removal))
    this.#removals.add(removal)
    return removal
  }

  async #drop(id: string): Promise<void> {
    const holder = this.#holders.get(id)
    if (!holder) return
    this.#holders.delete(id)
    this.#journal.forget(holder)
    await this.#fetching.stop(id, closing())
    await this.#mutex.run(() => holder.forget())
    for (const { key } of holder.cores)
      await this.#cores.trim(
        key,
        () => lengthIn(this.#holders.values(), key),
        work => this.#mutex.run(work)
      )
  }

  /** What the shelf occupies and may grow to. Looks at every file of it. */
  async usage(): Promise<ShelfUsage> {
    await this.ready()
    return this.#space.usage()
  }

  /**
   * Is there room for a new holder of so many bytes (billed: with 128 a block)? What others have still to fetch, and the
   * margin, are not given away.
   */
  async canReserve(bytes: number): Promise<boolean> {
    await this.ready()
    return this.#space.canReserve(bytes)
  }

  #put(holder: Holder): void {
    this.#holders.set(holder.id, holder)
    for (const { key } of holder.cores) this.#cores.of(key)
  }

  #known(id: string): Holder {
    const holder = this.#holders.get(id)
    if (!holder) throw new BushelError('NOT_FOUND', `no holder '${id}' is on the shelf`)
    return holder
  }

  /** Holders that name a core. */
  #naming(core: ShelvedCore): Holder[] {
    return [...this.#holders.values()].filter(holder => lengthIn([holder], core.key) > 0)
  }

  /** Takes nothing more from a holder's uploader; where nobody else names the core, from nobody. */
  #rejectUploader(holder: Holder): void {
    for (const { key } of holder.cores) {
      const core = this.#cores.of(key)
      const isAlone = this.#naming(core).every(one => one === holder)
      if (isAlone) core.detach()
      else core.detachUploader(holder.id)
    }
  }

  /** Bytes of a core have been read by a peer. */
  #read(core: ShelvedCore, bytes: number): void {
    const holders = this.#naming(core)
    const payer = payerOf(holders)
    if (!payer) return
    payer.charge(bytes)
    this.#journal.note(payer, bytes)
    if (holders.some(({ egressLeft }) => egressLeft > 0)) return
    const isUploading = holders.some(({ complete }) => !complete)
    // after the block that is just leaving
    queueMicrotask(() => core.detach(uploads => isUploading && uploads.size > 0))
    this.emit('egress-spent', payer.id)
  }

  /** Writes a holder, unless it has been dropped meanwhile. */
  #save(holder: Holder): Promise<void> {
    return this.#mutex.run(async () => {
      if (this.#holders.get(holder.id) === holder) await holder.save()
    })
  }
}

function closing(): BushelError {
  return new BushelError('CLOSING', 'its cores are being removed from the shelf', 'ask again later')
}
