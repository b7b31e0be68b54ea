import { decode, encode } from '../../contracts/schema/codec.js'
import { DAY } from '../../contracts/money/quantity.js'
import type { Change, Facts } from '../store/facts.js'

const KIND = 'reply'
/** How long an answer can be repeated, ms. */
const KEPT = 2 * DAY
/** Most answers kept for one device in that time; a lease takes about five. */
const MAX_KEPT = 1000

/** Given answers by device and request id, so that a repeated request gets the same bytes. */
export class Replies {
  readonly #facts: Facts
  readonly #now: () => number
  readonly #answering = new Map<string, Promise<Buffer>>()
  #counts = new Map<string, number>()

  constructor(facts: Facts, now: () => number) {
    this.#facts = facts
    this.#now = now
  }

  /**
   * Returns the kept answer, joins the running one, or makes a new one. It resolves once the answer is on disk, and a
   * request that a device repeats on any number of connections is carried out once.
   */
  once(device: Buffer, request: Buffer, answer: () => Promise<Buffer>): Promise<Buffer> {
    const key = keyOf(device, request).toString('hex')
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
    return (this.#counts.get(device.toString('hex')) ?? 0) >= MAX_KEPT
  }

  get(device: Buffer, request: Buffer): Buffer | null {
    const value = this.#facts.get(KIND, keyOf(device, request))
    return value && decode('stored-reply', value).reply
  }

  /** When the answer was given, ms since 1970; null when it is not kept. */
  givenAt(device: Buffer, request: Buffer): number | null {
    const value = this.#facts.get(KIND, keyOf(device, request))
    return value && decode('stored-reply', value).at
  }

  change(device: Buffer, request: Buffer, reply: Buffer): Change {
    const value = encode('stored-reply', { at: this.#now(), reply })
    this.#count(device)
    return { kind: KIND, key: keyOf(device, request), value }
  }

  /** Deletes answers that can no longer be repeated. */
  async prune(): Promise<void> {
    const before = this.#now() - KEPT
    const old: Change[] = []
    this.#counts = new Map()
    for (const { key, value } of this.#facts.list(KIND)) {
      if (decode('stored-reply', value).at < before) old.push({ kind: KIND, key, value: null })
      else this.#count(key.subarray(0, 32))
    }
    if (old.length > 0) await this.#facts.set(...old)
  }

  #count(device: Buffer): void {
    const id = device.toString('hex')
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1)
  }
}

function keyOf(device: Buffer, request: Buffer): Buffer {
  return Buffer.concat([device, request])
}
