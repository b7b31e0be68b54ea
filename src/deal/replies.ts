import { change } from '../store/change.js'
import type { Change } from '../store/change.js'
import type { Store } from '../store/store.js'
import { replyTable } from './tables.js'

/** Most answers kept for one device in that time; a lease takes about five. */
const MAX_KEPT = 1000
/** Devices whose answers are counted in memory. */
const MAX_COUNTS = 10_000

/** Given answers by device and request id, so that a repeated request gets the same bytes. */
export class Replies {
  readonly #store: Store
  readonly #now: () => number
  readonly #answering = new Map<string, Promise<Buffer>>()
  readonly #counts = new Map<string, number>()

  constructor(store: Store, now: () => number) {
    this.#store = store
    this.#now = now
  }

  /**
   * Returns the kept answer, joins the running one, or makes a new one. It resolves once the answer is on disk, and a
   * request that a device repeats on any number of connections is carried out once.
   */
  once(device: Buffer, request: Buffer, answer: () => Promise<Buffer>): Promise<Buffer> {
    const key = `${device.toString('hex')}/${request.toString('hex')}`
    const underWay = this.#answering.get(key)
    if (underWay) return underWay
    const kept = this.get(device, request)
    if (kept) return Promise.resolve(kept)
    const answering = answer().finally(() => this.#answering.delete(key))
    this.#answering.set(key, answering)
    return answering
  }

  /** True while no new requests of this device are accepted. */
  isFull(device: Buffer): boolean {
    return this.#countOf(device) >= MAX_KEPT
  }

  get(device: Buffer, request: Buffer): Buffer | null {
    return this.#store.table(replyTable).get([device, request])?.reply ?? null
  }

  /** When the answer was given, ms since 1970; null when it is not kept. */
  givenAt(device: Buffer, request: Buffer): number | null {
    return this.#store.table(replyTable).get([device, request])?.at ?? null
  }

  change(device: Buffer, request: Buffer, reply: Buffer): Change {
    this.#counts.set(device.toString('hex'), this.#countOf(device) + 1)
    return change(replyTable, [device, request], { at: this.#now(), reply })
  }

  /** At least the answers kept for a device: those that are forgotten leave the count when it is full. */
  #countOf(device: Buffer): number {
    const id = device.toString('hex')
    const known = this.#counts.get(id)
    if (known !== undefined && known < MAX_KEPT) return known
    const count = [...this.#store.table(replyTable).list({ under: [device] })].length
    if (this.#counts.size >= MAX_COUNTS) this.#counts.clear()
    this.#counts.set(id, count)
    return count
  }
}
