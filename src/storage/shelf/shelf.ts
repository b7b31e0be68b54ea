import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import ReadyResource from 'ready-resource'
import type { BlockProof, BlockReference, SealedCore } from '#spec'
import { BushelError, isBlamed } from '../../../contracts/errors/error.js'
import { Mutex } from '../../base/mutex.js'
import { freeBytes } from '../../files/disk.js'
import type { Refusal } from '../../network/read-proofs.js'
import { EgressJournal } from './egress.js'
import { proofsOf, sealsOf } from './evidence.js'
import { proofAt, tagsOf } from './token-tags.js'
import type { AskedToken } from './token-tags.js'
import type { Spot } from '../../../contracts/evidence/audit-token.js'
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
  /** Kinds of holders, which are read from disk at opening. */
  kinds: readonly HolderKind[]
  /** Most bytes that all holders together may reserve; none: the size of the disk. */
  space?: number
  /** Bytes of the disk that are never reserved; by default the smaller of 1 GiB and a twentieth of the disk. */
  margin?: number
  /** Free bytes of the disk of a folder; tests replace it. */
  free?: (folder: string) => Promise<number>
}

/**
 * Stores other people's cores as ciphertext: opened by public key, up to the agreed length and bytes, each in a folder of
 * its own, as long as a holder names it. The cores and the count of bytes read survive SIGKILL (at most the last 2 seconds
 * or 4 MiB of the count are lost).
 *
 * Events: `paused` and `resumed` (id): a fetch waits for room on the disk, or no longer does. `egress-spent` (id): a peer
 * has used up the egress that the holder has for it. `problem` (error): a failure that no caller waits for.
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
  /** Ids of holders whose paid time is over: nobody reads for them. */
  readonly #silent = new Set<string>()
  /** Serializes changes of the files. */
  readonly #mutex = new Mutex()

  constructor({ folder, kinds, space = Infinity, margin, free = freeBytes }: ShelfOptions) {
    super()
    this.#folder = folder
    this.#kinds = kinds
    this.#cores = new ShelvedCores(join(folder, 'cores'), (core, bytes, holder, stream) =>
      this.#read(core, bytes, holder, stream)
    )
    this.#space = new ShelfSpace({
      ...{ folder, space, margin, free },
      holders: () => this.#holders.values(),
      folderOf: (holder, key) => this.#coreOf(holder, key).folder
    })
    this.#fetching = new Fetching({
      coreOf: (holder, key) => this.#coreOf(holder, key),
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
    // a holder's file is deleted before its cores: cores without a holder are leftovers (unless a file is unreadable)
    if (isWhole) await this.#cores.sweep()
  }

  protected override async _close(): Promise<void> {
    await this.#fetching.stopAll(closing())
    await Promise.allSettled(this.#removals)
    await this.#cores.close()
    await this.#journal.flush()
  }

  /** Number of cores with open files. */
  get openCores(): number {
    return this.#cores.openCount
  }

  get holders(): Iterable<Holder> {
    return this.#holders.values()
  }

  get(id: string): Holder | null {
    return this.#holders.get(id) ?? null
  }

  /** Puts a holder on the shelf, or saves a changed one, durably. Nothing is fetched before `fetch`. */
  async hold(holder: Holder): Promise<void> {
    await this.ready()
    const known = this.#holders.get(holder.id)
    if (known && known !== holder)
      throw new BushelError('BAD_INPUT', `'${holder.id}' is already on the shelf`)
    this.#put(holder)
    await this.#save(holder)
  }

  /** Adds a connection of the holder's uploader: fetches use it, and it may read. */
  async attach(id: string, stream: Duplex): Promise<void> {
    const holder = this.#known(id)
    const reads = holder.egressLeft(stream) > 0 ? id : null
    await Promise.all(holder.cores.map(({ key }) => this.#coreOf(holder, key).attach(stream, id, reads)))
  }

  /** Adds a connection to another holder of the same cores: fetches use it, and it may not read. */
  async draw(id: string, stream: Duplex): Promise<void> {
    const holder = this.#known(id)
    await Promise.all(
      holder.cores.map(({ key }) => this.#coreOf(holder, key).attach(stream, id, null, 'source'))
    )
  }

  /**
   * Fetches the blocks that a holder may keep, and no others, from current and later connections, continuing from what is
   * on disk; resolves when all are verified. Throws a violation (CORE_FORKED, CORE_TOO_LARGE, BLOCK_TOO_LARGE), after
   * which nothing more is accepted from the uploader, BAD_INPUT when the holder takes no upload, or the signal's reason.
   * A second call joins the running fetch.
   */
  fetch(id: string, call: FetchCall = {}): Promise<void> {
    return this.#fetching.fetch(id, call)
  }

  /** Stops the fetch of a holder, and ends the connections of its uploader unless others use them; `attach` begins anew. */
  async rest(id: string): Promise<void> {
    await this.#fetching.stop(id, resting())
    const holder = this.#holders.get(id)
    for (const { key } of holder?.cores ?? []) this.#coreOf(holder!, key).detachUploader(id)
  }

  /** Checks a holder before its fetch. */
  async #begin(id: string): Promise<Holder> {
    await this.ready()
    const holder = this.#known(id)
    if (!holder.takesIn) throw new BushelError('BAD_INPUT', `'${id}' takes no upload now`)
    return holder
  }

  /** Marks a holder as complete. */
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
   * Serves a core over the connection to a peer that may read it for one of its holders, which is charged. False when the
   * core is not on the shelf, the peer may not read, or the holders for which it may are silent or have used up their
   * egress, which the peer is told.
   */
  async serve(
    discoveryKey: Buffer,
    stream: Duplex,
    isServed: (id: string) => boolean = () => true
  ): Promise<boolean> {
    await this.ready()
    if (this.closing) return false
    const admitting = this.#cores
      .all(discoveryKey)
      .flatMap(core => this.#naming(core).map(holder => ({ core, holder })))
      .filter(({ holder }) => holder.mayRead(stream))
    const served = admitting.filter(
      ({ holder: { id, isGuest } }) => isGuest || (isServed(id) && !this.#silent.has(id))
    )
    const open = served.find(({ holder }) => holder.egressLeft(stream) > 0)
    if (open) await open.core.attach(stream, null, open.holder.id)
    else {
      for (const { holder } of served) {
        holder.refuse?.(stream, 'spent')
        this.emit('egress-spent', holder.id)
      }
      for (const { holder } of admitting) if (this.#silent.has(holder.id)) holder.refuse?.(stream, 'over')
    }
    return open !== undefined
  }

  /**
   * Ends all reads for a holder, whose readers are told, until `unsilence`. Reads and uploads for another holder of the same
   * core go on.
   */
  async silence(id: string): Promise<void> {
    const holder = this.#known(id)
    this.#silent.add(id)
    for (const { key } of holder.cores) {
      const core = this.#coreOf(holder, key)
      this.#moveReaders(core, holder, 'over')
      core.detachUploader(id)
    }
  }

  unsilence(id: string): void {
    this.#silent.delete(id)
  }

  /** Counts egress outside of replication; false, and nothing is counted, when it exceeds the rest. */
  charge(id: string, bytes: number): boolean {
    const holder = this.#known(id)
    if (holder.egressLeft(null) < bytes) return false
    holder.charge(bytes, null)
    this.#journal.note(holder, bytes)
    return true
  }

  /** See `sealsOf`. */
  async seals(id: string): Promise<SealedCore[]> {
    await this.ready()
    const holder = this.#known(id)
    return sealsOf(holder, key => this.#coreOf(holder, key))
  }

  /** See `proofsOf`. */
  async proofs(id: string, blocks: readonly BlockReference[]): Promise<BlockProof[]> {
    await this.ready()
    const holder = this.#known(id)
    return proofsOf(holder, blocks, key => this.#coreOf(holder, key))
  }

  /** See `tagsOf`. */
  async tags(id: string, token: AskedToken, sealed: readonly SealedCore[]): Promise<Buffer> {
    await this.ready()
    const holder = this.#known(id)
    return tagsOf(holder, token, sealed, key => this.#coreOf(holder, key))
  }

  /** See `proofAt`. */
  async proofAt(id: string, spot: Spot, sealed: SealedCore): Promise<BlockProof> {
    await this.ready()
    const holder = this.#known(id)
    return proofAt(holder, spot, sealed, key => this.#coreOf(holder, key))
  }

  /**
   * Removes a holder, with its cores unless another holder names them. It is no longer served from the first await on;
   * resolves when its disk space is freed (after a crash the next start frees it).
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
    this.#silent.delete(id)
    this.#journal.forget(holder)
    await this.#fetching.stop(id, closing())
    await this.#mutex.run(() => holder.forget())
    for (const { key } of holder.cores) this.#moveReaders(this.#coreOf(holder, key), holder, 'over')
    for (const { key } of holder.cores)
      await this.#cores.trim(
        this.#coreOf(holder, key),
        () => lengthIn(this.#holders.values(), key, holder.group),
        work => this.#mutex.run(work)
      )
  }

  /** The used and reserved bytes of the shelf. Reads the size of every file. */
  async usage(): Promise<ShelfUsage> {
    await this.ready()
    return this.#space.usage()
  }

  /**
   * True when there is room for a new holder of this many bytes (as billed, with 128 per block), beside the margin and
   * what other holders have still to fetch.
   */
  async canReserve(bytes: number): Promise<boolean> {
    await this.ready()
    return this.#space.canReserve(bytes)
  }

  #put(holder: Holder): void {
    this.#holders.set(holder.id, holder)
    for (const { key } of holder.cores) this.#coreOf(holder, key)
  }

  #coreOf({ group }: Holder, key: Buffer): ShelvedCore {
    return this.#cores.of(key, group)
  }

  #known(id: string): Holder {
    const holder = this.#holders.get(id)
    if (!holder) throw new BushelError('NOT_FOUND', `no holder '${id}' is on the shelf`)
    return holder
  }

  /** Holders that name a core of their group. */
  #naming({ key, group }: ShelvedCore): Holder[] {
    return [...this.#holders.values()].filter(holder => lengthIn([holder], key, group) > 0)
  }

  /** Accepts nothing more from a holder's uploader; from nobody when no other holder names the core. */
  #rejectUploader(holder: Holder): void {
    for (const { key } of holder.cores) {
      const core = this.#coreOf(holder, key)
      const isAlone = this.#naming(core).every(one => one === holder)
      if (isAlone) core.detach()
      else core.detachUploader(holder.id)
    }
  }

  /** Charges bytes of a core that a peer has read to the holder under which it was admitted. */
  #read(core: ShelvedCore, bytes: number, holder: string | null, stream: Duplex): void {
    const payer = holder === null ? null : this.#holders.get(holder)
    if (!payer) return
    payer.charge(bytes, stream)
    this.#journal.note(payer, bytes)
    if (payer.egressLeft(stream) > 0) return
    // after the block that is being sent
    queueMicrotask(() => this.#moveReaders(core, payer, 'spent'))
    if (!this.#payerOf(core, stream)) this.emit('egress-spent', payer.id)
  }

  /** A holder for which the peer may read a core, and has egress left. */
  #payerOf(core: ShelvedCore, stream: Duplex): Holder | undefined {
    return this.#naming(core).find(
      holder =>
        holder.complete &&
        !this.#silent.has(holder.id) &&
        holder.egressLeft(stream) > 0 &&
        holder.mayRead(stream)
    )
  }

  /**
   * Charges the readers of a holder to another one for which they may read; the others are told why they read no more. Who has
   * egress left goes on.
   */
  #moveReaders(core: ShelvedCore, from: Holder, why: Refusal): void {
    const next = (stream: Duplex): string | null => {
      const isKept = why === 'spent' && from.egressLeft(stream) > 0
      return (isKept ? from : this.#payerOf(core, stream))?.id ?? null
    }
    core.moveReaders(from.id, next, stream => from.refuse?.(stream, why))
  }

  /** Saves a holder, unless it was dropped meanwhile. */
  #save(holder: Holder): Promise<void> {
    return this.#mutex.run(async () => {
      if (this.#holders.get(holder.id) === holder) await holder.save()
    })
  }
}

function resting(): BushelError {
  return new BushelError('CLOSING', 'its upload stood still, and its place was given to another')
}

function closing(): BushelError {
  return new BushelError('CLOSING', 'its cores are being removed from the shelf', 'ask again later')
}
