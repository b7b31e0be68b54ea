import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { NoiseStream } from 'hyperdht'
import ReadyResource from 'ready-resource'
import type { BlockProof, BlockReference, SealedCore } from '#spec'
import type { Spot } from '../../../contracts/evidence/audit-token.js'
import type { AskedToken } from './token-tags.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { trustedNow } from '../../base/time/trusted-time.js'
import { UNREAD } from '../lease/egress.js'
import type { EgressAccounts } from '../lease/egress.js'
import type { FetchCall } from './fetching.js'
import type { ShelfLease, ShelvedLease } from './lease-files.js'
import { LeaseHolder, LeaseKind } from './lease-holder.js'
import { RepairHolder } from './repair-holder.js'
import { Shelf } from './shelf.js'
import type { ShelfOptions } from './shelf.js'
import type { ShelfUsage } from './space.js'

const EVENTS = ['paused', 'resumed', 'egress-spent', 'problem'] as const

/** Most devices that fetch one copy for repairs while this node runs. */
const MOST_REPAIRS = 16

/** The shelf for leases, each of which is a holder. Emits the events of the shelf. */
export class LeaseShelf extends ReadyResource {
  readonly shelf: Shelf
  /** Uploads that wait for room on the disk, by their leases. */
  readonly paused = new Set<string>()
  readonly #kind: LeaseKind
  /** By lease and device, hex. */
  readonly #repairs = new Map<string, Map<string, RepairHolder>>()

  /** Creates the shelf in a folder; `kinds` adds other kinds of holders, and `now` gives ms since 1970. */
  constructor({
    kinds = [],
    now = trustedNow,
    ...options
  }: Omit<ShelfOptions, 'kinds'> & Partial<Pick<ShelfOptions, 'kinds'>> & { now?: () => number }) {
    super()
    this.#kind = new LeaseKind(join(options.folder, 'leases'), now)
    this.shelf = new Shelf({ ...options, kinds: [this.#kind, ...kinds] })
    this.shelf.on('paused', (id: string) => this.paused.add(id))
    this.shelf.on('resumed', (id: string) => this.paused.delete(id))
    for (const event of EVENTS) this.shelf.on(event, (told: unknown) => this.emit(event, told))
  }

  protected override async _open(): Promise<void> {
    await this.shelf.ready()
  }

  protected override async _close(): Promise<void> {
    await this.shelf.close()
  }

  /** The leases on the shelf, in no order. */
  get leases(): readonly Readonly<ShelvedLease>[] {
    return [...this.shelf.holders].filter(holder => holder instanceof LeaseHolder)
  }

  has(id: string): boolean {
    return this.shelf.get(id) instanceof LeaseHolder
  }

  /**
   * Puts a lease on the shelf, durably; nothing is fetched before `fetch`. A second call with the same id sets a new
   * egress limit and another owner; the cores must be the same.
   */
  async keep(lease: ShelfLease): Promise<void> {
    await this.ready()
    const holder = this.has(lease.id) ? this.#get(lease.id) : this.#kind.make(lease)
    if (!sameCores(holder.cores, lease.cores)) {
      throw new BushelError('BAD_INPUT', `lease ${lease.id} is already on the shelf, with other cores`)
    }
    holder.egressBytes = lease.egressBytes
    holder.owner = lease.owner ?? null
    await this.shelf.hold(holder)
  }

  /** What readers and the owner have fetched in all, bytes. */
  egressBytes(id: string): number {
    return this.has(id) ? sentOf(this.#get(id)) : 0
  }

  /** What was fetched of each account of a lease; nothing of an unknown one. */
  accounts(id: string): EgressAccounts {
    return this.has(id) ? this.#get(id).accounts : UNREAD
  }

  egress(id: string): { usedBytes: number; limitBytes: number } {
    const { egressUsed, egressBytes } = this.#get(id)
    return { usedBytes: egressUsed, limitBytes: egressBytes }
  }

  /** Lets another provider fetch the copy for a repair over this connection; false when repairs have fetched what they may. */
  async admit(id: string, stream: NoiseStream, now: number): Promise<boolean> {
    const lease = this.#get(id)
    const device = stream.remotePublicKey.toString('hex')
    const all = this.#repairs.get(id) ?? new Map<string, RepairHolder>()
    const repair = all.get(device) ?? new RepairHolder(lease, stream.remotePublicKey)
    if ((!all.has(device) && all.size >= MOST_REPAIRS) || !repair.admit(stream, now)) return false
    this.#repairs.set(id, all.set(device, repair))
    await this.shelf.hold(repair)
    return true
  }

  // Passed on to the shelf

  async attach(id: string, stream: Duplex): Promise<void> {
    return this.shelf.attach(this.#get(id).id, stream)
  }

  draw(id: string, stream: Duplex): Promise<void> {
    return this.shelf.draw(this.#get(id).id, stream)
  }

  fetch(id: string, call: FetchCall = {}): Promise<void> {
    return this.shelf.fetch(id, call)
  }

  rest(id: string): Promise<void> {
    return this.shelf.rest(id)
  }

  serve(discoveryKey: Buffer, stream: Duplex, isServed?: (id: string) => boolean): Promise<boolean> {
    return this.shelf.serve(discoveryKey, stream, isServed)
  }

  async silence(id: string): Promise<void> {
    return this.shelf.silence(this.#get(id).id)
  }

  unsilence(id: string): void {
    this.shelf.unsilence(id)
  }

  charge(id: string, bytes: number): boolean {
    return this.shelf.charge(this.#get(id).id, bytes)
  }

  async seals(id: string): Promise<SealedCore[]> {
    await this.ready()
    return this.shelf.seals(this.#get(id).id)
  }

  async proofs(id: string, blocks: readonly BlockReference[]): Promise<BlockProof[]> {
    await this.ready()
    return this.shelf.proofs(this.#get(id).id, blocks)
  }

  async tags(id: string, token: AskedToken, sealed: readonly SealedCore[]): Promise<Buffer> {
    await this.ready()
    return this.shelf.tags(this.#get(id).id, token, sealed)
  }

  async proofAt(id: string, spot: Spot, sealed: SealedCore): Promise<BlockProof> {
    await this.ready()
    return this.shelf.proofAt(this.#get(id).id, spot, sealed)
  }

  async drop(id: string): Promise<void> {
    this.paused.delete(id)
    const repairs = [...(this.#repairs.get(id)?.values() ?? [])]
    this.#repairs.delete(id)
    await this.shelf.drop(id)
    for (const repair of repairs) await this.shelf.drop(repair.id)
  }

  usage(): Promise<ShelfUsage> {
    return this.shelf.usage()
  }

  canReserve(bytes: number): Promise<boolean> {
    return this.shelf.canReserve(bytes)
  }

  #get(id: string): LeaseHolder {
    const holder = this.shelf.get(id)
    if (holder instanceof LeaseHolder) return holder
    throw new BushelError('LEASE_NOT_FOUND', `no lease ${id} is on the shelf`)
  }
}

/** What readers and the owner of a lease have fetched in all, bytes. */
export function sentOf({ egressUsed, ownerUsed }: ShelvedLease): number {
  return egressUsed + ownerUsed
}

/** Whether both name the same cores, with the same limits. */
export function sameCores(a: ShelfLease['cores'], b: ShelfLease['cores']): boolean {
  const text = (cores: ShelfLease['cores']): string =>
    cores.map(core => `${core.key.toString('hex')} ${core.length} ${core.byteLength}`).join()
  return text(a) === text(b)
}
