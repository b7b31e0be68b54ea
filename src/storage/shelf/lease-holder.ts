import type { Duplex } from 'node:stream'
import type { NoiseStream } from 'hyperdht'
import type { CoreLimit } from '#spec'
import type { Holder, HolderKind } from './holder.js'
import type { Refusal } from '../../network/read-proofs.js'
import { hasProven, refuseReader } from '../../network/read-proofs.js'
import { LeaseFiles } from './lease-files.js'
import type { ShelfLease, ShelvedLease } from './lease-files.js'

const NOBODY = Buffer.alloc(0)

/** A lease on the shelf. */
export class LeaseHolder implements Holder, ShelvedLease {
  readonly kind = 'lease'
  readonly id: string
  readonly cores: CoreLimit[]
  egressBytes: number
  egressUsed: number
  complete: boolean
  repairUsed: number
  repairSince: number
  readonly readKey: Buffer | null
  owner: Buffer | null
  readonly group: string
  readonly #files: LeaseFiles

  constructor(lease: ShelvedLease, files: LeaseFiles) {
    const { id, cores, egressBytes, egressUsed, complete, readKey, owner, group } = lease
    this.repairUsed = lease.repairUsed
    this.repairSince = lease.repairSince
    this.readKey = readKey
    this.owner = owner
    this.group = group
    this.id = id
    this.cores = cores
    this.egressBytes = egressBytes
    this.egressUsed = egressUsed
    this.complete = complete
    this.#files = files
  }

  /** Always true: the lease manager decides when a lease is uploaded, by starting the fetch. */
  get takesIn(): boolean {
    return true
  }

  get egressLeft(): number {
    return Math.max(0, this.egressBytes - this.egressUsed)
  }

  mayRead(stream: Duplex): boolean {
    if (!this.readKey || hasProven(stream, this.readKey)) return true
    return this.owner?.equals((stream as Partial<NoiseStream>).remotePublicKey ?? NOBODY) === true
  }

  refuse(stream: Duplex, why: Refusal): void {
    if (this.readKey) refuseReader(stream, this.readKey, why)
  }

  charge(bytes: number): void {
    this.egressUsed += bytes
  }

  completed(): void {
    this.complete = true
  }

  violated(): void {
    // the lease manager, which awaits the fetch, ends the lease
  }

  save(): Promise<void> {
    return this.#files.write(this)
  }

  forget(): Promise<void> {
    return this.#files.remove(this.id)
  }
}

/** Leases, one small file each. */
export class LeaseKind implements HolderKind {
  readonly kind = 'lease'
  readonly #files: LeaseFiles

  constructor(folder: string) {
    this.#files = new LeaseFiles(folder)
  }

  /** Creates a new lease; it is not on disk before it is saved. */
  make({ readKey = null, owner = null, group = '', ...lease }: ShelfLease): LeaseHolder {
    const fresh = { egressUsed: 0, complete: false, repairUsed: 0, repairSince: 0 }
    return new LeaseHolder({ ...lease, readKey, owner, group, ...fresh }, this.#files)
  }

  async read(): Promise<{ holders: LeaseHolder[]; unreadable: string[] }> {
    const { leases, unreadable } = await this.#files.read()
    return { holders: leases.map(lease => new LeaseHolder(lease, this.#files)), unreadable }
  }
}
