import type { NoiseStream } from 'hyperdht'
import crypto from 'hypercore-crypto'
import type { Lease } from '#spec'
import { idOf } from '../lease/leases.js'

/** Announces topics, so that the readers of a drive find this node. */
export interface Announcer {
  join(topic: Buffer, options: { server: boolean }): unknown
  leave(topic: Buffer): Promise<void>
}

export interface ServedShelf {
  /** Serves a core to a peer that may read it for a lease for which `isServed` is true; false when there is none. */
  serve(discoveryKey: Buffer, stream: NoiseStream, isServed: (lease: string) => boolean): Promise<boolean>
  /** Ends all reads for a lease, whose readers are told that it is over, until `unsilence`. */
  silence(id: string): Promise<void>
  unsilence(id: string): void
}

/** Serves sealed and paid leases to readers, who find this node on the topic of their drive. */
export class Serving {
  readonly #shelf: ServedShelf
  readonly #announcer: Announcer
  /** Announced topics, by lease id. */
  readonly #announced = new Map<string, Buffer>()
  /** Served leases, by the discovery keys of their cores. */
  readonly #served = new Map<string, Set<string>>()

  constructor(shelf: ServedShelf, announcer: Announcer) {
    this.#shelf = shelf
    this.#announcer = announcer
  }

  begin(lease: Lease): void {
    const id = idOf(lease)
    if (this.#announced.has(id)) return
    this.#announced.set(id, topicOf(lease))
    this.#shelf.unsilence(id)
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

  /** Leaves all topics, when the node stops. */
  async close(): Promise<void> {
    const topics = [...this.#announced.values()]
    this.#announced.clear()
    this.#served.clear()
    await Promise.all(topics.map(topic => this.#announcer.leave(topic)))
  }

  /** Serves a core on the shelf to a reader; false when no served lease has it. */
  async serve(discoveryKey: Buffer, stream: NoiseStream): Promise<boolean> {
    const served = this.#served.get(discoveryKey.toString('hex'))
    return this.#shelf.serve(discoveryKey, stream, lease => served?.has(lease) === true)
  }

  /** The served leases of a core. */
  #leasesOf(key: Buffer): Set<string> {
    const id = crypto.discoveryKey(key).toString('hex')
    let leases = this.#served.get(id)
    if (!leases) this.#served.set(id, (leases = new Set()))
    return leases
  }
}

/** The topic of a drive: the discovery key of its first core. */
function topicOf(lease: Lease): Buffer {
  return crypto.discoveryKey(lease.terms.cores[0]!.key)
}
