import type { PeerRecord } from '#spec'
import { BushelError, isBlamed } from '../../../contracts/errors/error.js'
import { HOUR } from '../../../contracts/money/quantity.js'
import { change } from '../../store/change.js'
import type { Store } from '../../store/store.js'
import { peerTable } from '../tables.js'
import { isAway } from './dialling.js'
import type { Dialled } from './dialling.js'
import type { Experience } from './matching.js'
import { Newcomers } from './newcomers.js'
import { SlowSellers } from './slow-sellers.js'

const LONGEST_PAUSE = 7 * 24 * HOUR

/** What a seller is told apart by. */
export interface Seller {
  identity: Buffer
  device: Buffer
}

/** This node's own experience with other identities. Receipts and claims of strangers do not count. */
export class Experiences {
  readonly slow: SlowSellers
  readonly #newcomers: Newcomers
  readonly #store: Store
  readonly #now: () => number

  constructor(store: Store, now: () => number) {
    this.#store = store
    this.#now = now
    this.slow = new SlowSellers(now)
    this.#newcomers = new Newcomers(now)
  }

  of(identity: Buffer): PeerRecord | null {
    return this.#store.table(peerTable).get(identity)
  }

  /** The experience by which the asks of an identity are ordered; that with newcomers for one of which there is none. */
  readonly toward = (identity: Buffer): Experience => {
    const { good, bad, until } = this.#record(identity)
    const risk = (bad + this.#newcomers.risk) / (good + bad + 1)
    return { good, bad, until, risk }
  }

  /** Records a step that was served as agreed. */
  async good(identity: Buffer): Promise<void> {
    const record = this.#record(identity)
    if (isNew(record)) this.#newcomers.count(true)
    await this.#save({ ...record, good: record.good + 1 })
  }

  /** Records a fault; the identity is not asked again for an hour, doubling with each fault up to a week. */
  async bad(identity: Buffer, note: string): Promise<void> {
    const record = this.#record(identity)
    if (isNew(record)) this.#newcomers.count(false)
    const bad = record.bad + 1
    const pause = Math.min(HOUR * 2 ** Math.min(bad - 1, 10), LONGEST_PAUSE)
    await this.#save({ ...record, bad, until: this.#now() + pause, note: note.slice(0, 200) })
  }

  /**
   * Records that a seller failed with this error. A fault of its own counts against it. One that went away or fell silent is
   * dialled last for a while, and blamed for nothing: other errors say nothing of the seller.
   */
  async failed({ identity, device }: Seller, error: unknown): Promise<void> {
    if (isBlamed(error)) return this.bad(identity, error.message)
    if (!(error instanceof BushelError) || !SILENCE.has(error.code)) return
    this.slower({ identity, device })
  }

  /**
   * Records that a deal waited for a seller while others had answered. It is dialled last for a while and blamed for nothing;
   * where it was never dealt with, others like it are waited for less often.
   */
  slower({ identity, device }: Seller): void {
    this.slow.add(device)
    if (isNew(this.#record(identity))) this.#newcomers.count(false)
  }

  /** Records which sellers were slower than others, or away, when they were dialled. */
  dialled({ slower, failed }: Pick<Dialled<Seller>, 'slower' | 'failed'>): void {
    for (const seller of slower) this.slower(seller)
    for (const { ask, error } of failed) if (isAway(error)) this.slow.away(ask.device)
  }

  #record(identity: Buffer): PeerRecord {
    return this.of(identity) ?? { identity, good: 0, bad: 0, until: 0, note: '' }
  }

  async #save(record: PeerRecord): Promise<void> {
    await this.#store.set(change(peerTable, record.identity!, record))
  }
}

/** Errors of a seller that said nothing more, or left a job before it was paid. */
const SILENCE: ReadonlySet<string> = new Set(['PEER_GONE', 'TIMEOUT', 'STALLED', 'NOT_BEGUN'])

function isNew({ good, bad }: PeerRecord): boolean {
  return good + bad === 0
}
