import { change } from '../store/change.js'
import type { Change } from '../store/change.js'
import type { Store } from '../store/store.js'
import { BOUNDS } from '../base/bounds/bounds.js'
import { KeyedTokenBuckets, TokenBucket } from '../base/token-bucket.js'
import type { Rate } from '../base/token-bucket.js'
import { REPLY_KEPT, replyTable } from './tables.js'

/** Most answers kept for one device in that time. */
const MAX_KEPT = BOUNDS.partnerReplies.peer
/** So many of the oldest give way at once. */
const GIVE_WAY = 100
/** Most answers on disk of which strangers add some; they have up to 8 KiB. */
const MOST_ROWS = BOUNDS.replies.all / (8 * 1024)
/** What a row takes beside its answer, about: its keys, its index and its checksums. */
export const ROW_BYTES = 256
/** Devices whose answers are counted in memory. */
const MAX_COUNTS = 10_000

/** Given answers by device and request id, so that a repeated request gets the same bytes. */
export class Replies {
  readonly #store: Store
  readonly #now: () => number
  readonly #answering = new Map<string, Promise<Buffer>>()
  readonly #counts = new Map<string, number>()
  /** Bytes that strangers may have kept, by device, by address and in all; they come back as answers are forgotten. */
  readonly #ofDevice: KeyedTokenBuckets
  readonly #ofAddress: KeyedTokenBuckets
  readonly #ofAll: TokenBucket

  constructor(store: Store, now: () => number) {
    this.#store = store
    this.#now = now
    const { peer, address, all } = BOUNDS.replies
    this.#ofDevice = new KeyedTokenBuckets(within(peer), MAX_COUNTS, now)
    this.#ofAddress = new KeyedTokenBuckets(within(address), MAX_COUNTS, now)
    this.#ofAll = new TokenBucket(within(all), now)
  }

  /**
   * Whether an answer to a stranger is kept; `address` is null on this machine. One that is not is made anew from the
   * records when the request is repeated.
   */
  keepsForStranger(device: Buffer, address: string | null, replyBytes: number): boolean {
    const bytes = replyBytes + ROW_BYTES
    if (this.#store.table(replyTable).count >= MOST_ROWS) return false
    const near = address === null || this.#ofAddress.left(Buffer.from(address)) >= bytes
    if (!near || this.#ofDevice.left(device) < bytes || !this.#ofAll.spend(bytes)) return false
    this.#ofDevice.charge(device, bytes)
    if (address !== null) this.#ofAddress.charge(Buffer.from(address), bytes)
    return true
  }

  /** Bytes of answers that were kept for strangers, as far as they are not forgotten. */
  get ofStrangers(): number {
    return Math.round(BOUNDS.replies.all - this.#ofAll.left)
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

  get(device: Buffer, request: Buffer): Buffer | null {
    return this.#store.table(replyTable).get([device, request])?.reply ?? null
  }

  /** When the answer was given, ms since 1970; null when it is not kept. */
  givenAt(device: Buffer, request: Buffer): number | null {
    return this.#store.table(replyTable).get([device, request])?.at ?? null
  }

  /**
   * Keeps an answer. Beyond what is kept for one device its oldest ones give way, however much it buys in two days: they are
   * made anew from the records, as those of strangers are.
   */
  changes(device: Buffer, request: Buffer, reply: Buffer): Change[] {
    const count = this.#countOf(device)
    const gone = count < MAX_KEPT ? [] : this.#oldest(device)
    this.#counts.set(device.toString('hex'), count - gone.length + 1)
    return [
      ...gone.map(key => change(replyTable, key, null)),
      change(replyTable, [device, request], { at: this.#now(), reply })
    ]
  }

  /** Some of the answers that were given first to a device: more than one, so that they are seldom looked for. */
  #oldest(device: Buffer): [Buffer, Buffer][] {
    return [...this.#store.table(replyTable).list({ under: [device] })]
      .sort((a, b) => a.value.at - b.value.at)
      .slice(0, GIVE_WAY)
      .map(({ key }) => key)
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

/** So many bytes within the time that answers are kept. */
function within(bytes: number): Rate {
  return { burst: bytes, perSecond: (bytes * 1000) / REPLY_KEPT }
}
