import type { Duplex } from 'node:stream'
import type { NoiseStream } from 'hyperdht'
import type { CoreLimit } from '#spec'
import type { Holder, HolderKind } from './holder.js'
import type { Refusal } from '../../network/read-proofs.js'
import { hasProven, refuseReader } from '../../network/read-proofs.js'
import { OWNER_REFILLED, ownerEgressOf } from '../lease/egress.js'
import type { EgressAccounts } from '../lease/egress.js'
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
  ownerUsed: number
  ownerBefore: number
  ownerSince: number
  complete: boolean
  repairUsed: number
  repairSince: number
  readonly readKey: Buffer | null
  owner: Buffer | null
  readonly group: string
  readonly #files: LeaseFiles
  readonly #now: () => number

  constructor(lease: ShelvedLease, files: LeaseFiles, now: () => number) {
    const { id, cores, egressBytes, egressUsed, complete, readKey, owner, group } = lease
    this.ownerUsed = lease.ownerUsed
    this.ownerBefore = lease.ownerBefore
    this.ownerSince = lease.ownerSince
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
    this.#now = now
  }

  /** Always true: the lease manager decides when a lease is uploaded, by starting the fetch. */
  get takesIn(): boolean {
    return true
  }

  /** What was fetched of the accounts as they stand now, bytes. The last block may go beyond what was agreed, and is not told. */
  get accounts(): EgressAccounts {
    const isRefilled = this.#now() - this.ownerSince >= OWNER_REFILLED
    const owner = isRefilled ? 0 : this.ownerUsed - this.ownerBefore
    return {
      readers: Math.min(this.egressUsed, this.egressBytes),
      owner: Math.min(owner, ownerEgressOf(this.cores))
    }
  }

  /** The owner reads on the account of its own, and on that of its readers once its own is spent. */
  egressLeft(stream: Duplex | null): number {
    const { readers, owner } = this.accounts
    const ofReaders = this.egressBytes - readers
    return this.#isOwner(stream) ? ofReaders + ownerEgressOf(this.cores) - owner : ofReaders
  }

  mayRead(stream: Duplex): boolean {
    return !this.readKey || hasProven(stream, this.readKey) || this.#isOwner(stream)
  }

  #isOwner(stream: Duplex | null): boolean {
    return this.owner?.equals((stream as Partial<NoiseStream> | null)?.remotePublicKey ?? NOBODY) === true
  }

  refuse(stream: Duplex, why: Refusal): void {
    if (this.readKey) refuseReader(stream, this.readKey, why)
  }

  charge(bytes: number, stream: Duplex | null): void {
    const isOwners = this.#isOwner(stream) && this.accounts.owner < ownerEgressOf(this.cores)
    if (isOwners) this.#chargeOwner(bytes)
    else this.egressUsed += bytes
  }

  #chargeOwner(bytes: number): void {
    const now = this.#now()
    if (now - this.ownerSince >= OWNER_REFILLED) {
      this.ownerBefore = this.ownerUsed
      this.ownerSince = now
    }
    this.ownerSince = Math.min(this.ownerSince, now) // it was written by a clock that was ahead
    this.ownerUsed += bytes
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
  readonly #now: () => number

  constructor(folder: string, now: () => number) {
    this.#files = new LeaseFiles(folder)
    this.#now = now
  }

  /** Creates a new lease; it is not on disk before it is saved. */
  make({ readKey = null, owner = null, group = '', ...lease }: ShelfLease): LeaseHolder {
    const owned = { ownerUsed: 0, ownerBefore: 0, ownerSince: 0 }
    const fresh = { egressUsed: 0, complete: false, repairUsed: 0, repairSince: 0, ...owned }
    return new LeaseHolder({ ...lease, readKey, owner, group, ...fresh }, this.#files, this.#now)
  }

  async read(): Promise<{ holders: LeaseHolder[]; unreadable: string[] }> {
    const { leases, unreadable } = await this.#files.read()
    return { holders: leases.map(lease => new LeaseHolder(lease, this.#files, this.#now)), unreadable }
  }
}
