import type { CoreLimit } from '#spec'
import type { Holder, HolderKind } from './holder.js'
import { LeaseFiles } from './lease-files.js'
import type { ShelfLease, ShelvedLease } from './lease-files.js'

/** A lease on the shelf. */
export class LeaseHolder implements Holder, ShelvedLease {
  readonly kind = 'lease'
  readonly id: string
  readonly cores: CoreLimit[]
  egressBytes: number
  egressUsed: number
  complete: boolean
  readonly #files: LeaseFiles

  constructor({ id, cores, egressBytes, egressUsed, complete }: ShelvedLease, files: LeaseFiles) {
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
  make({ id, cores, egressBytes }: ShelfLease): LeaseHolder {
    return new LeaseHolder({ id, cores, egressBytes, egressUsed: 0, complete: false }, this.#files)
  }

  async read(): Promise<{ holders: LeaseHolder[]; unreadable: string[] }> {
    const { leases, unreadable } = await this.#files.read()
    return { holders: leases.map(lease => new LeaseHolder(lease, this.#files)), unreadable }
  }
}
