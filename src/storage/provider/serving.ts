import type { NoiseStream } from 'hyperdht'
import crypto from 'hypercore-crypto'
import type { Lease } from '#spec'
import { idOf } from '../lease/leases.js'

/** What serving needs of the network: to be found by the readers of a drive. */
export interface Announcer {
  join(topic: Buffer, options: { server: boolean }): unknown
  leave(topic: Buffer): Promise<void>
}

export interface ServedShelf {
  serve(discoveryKey: Buffer, stream: NoiseStream): Promise<boolean>
  /** Ends all reading of a lease's cores. */
  silence(id: string): Promise<void>
}

/** What is sealed and paid for is served to its readers, who find this node on the topic of their drive. */
export class Serving {
  readonly #shelf: ServedShelf
  readonly #announcer: Announcer
  /** Topics on which this node is found, by the id of the lease. */
  readonly #announced = new Map<string, Buffer>()
  /** Leases that are served, by the discovery key of their cores. */
  readonly #served = new Map<string, Set<string>>()

  constructor(shelf: ServedShelf, announcer: Announcer) {
    this.#shelf = shelf
    this.#announcer = announcer
  }

  begin(lease: Lease): void {
    const id = idOf(lease)
    if (this.#announced.has(id)) return
    this.#announced.set(id, topicOf(lease))
    for (const { key } of lease.terms.cores) this.#leasesOf(key).add(id)
    this.#announcer.join(topicOf(lease), { server: true })
  }

  async end(lease: Lease): Promise<void> {
    const id = idOf(lease)
    if (!this.#announced.delete(id)) return
    for (const { key } of lease.terms.cores) this.#leasesOf(key).delete(id)
    await this.#shelf.silence(id)
    await this.#announcer.leave(topicOf(lease))
  }

  /** Is found on no topic any more; for the end of the node's work. */
  async close(): Promise<void> {
    const topics = [...this.#announced.values()]
    this.#announced.clear()
    this.#served.clear()
    await Promise.all(topics.map(topic => this.#announcer.leave(topic)))
  }

  /** Cores on the shelf, to whoever asks for them; false for one of no lease that is served. */
  async serve(discoveryKey: Buffer, stream: NoiseStream): Promise<boolean> {
    if (!this.#served.get(discoveryKey.toString('hex'))?.size) return false
    return this.#shelf.serve(discoveryKey, stream)
  }

  /** The leases for which a core is served. */
  #leasesOf(key: Buffer): Set<string> {
    const id = crypto.discoveryKey(key).toString('hex')
    let leases = this.#served.get(id)
    if (!leases) this.#served.set(id, (leases = new Set()))
    return leases
  }
}

/** Where the readers of a drive look for it: the discovery key of its first core. */
function topicOf(lease: Lease): Buffer {
  return crypto.discoveryKey(lease.terms.cores[0]!.key)
}
