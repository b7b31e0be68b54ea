import type { PeerRecord } from '#spec'
import { HOUR } from '../../../contracts/money/quantity.js'
import { change } from '../../store/change.js'
import type { Store } from '../../store/store.js'
import { peerTable } from '../tables.js'

const LONGEST_PAUSE = 7 * 24 * HOUR

/** This node's own experience with other identities. Receipts and claims of strangers do not count. */
export class Experiences {
  readonly #store: Store
  readonly #now: () => number

  constructor(store: Store, now: () => number) {
    this.#store = store
    this.#now = now
  }

  of(identity: Buffer): PeerRecord | null {
    return this.#store.table(peerTable).get(identity)
  }

  /** Records a step that was served as agreed. */
  async good(identity: Buffer): Promise<void> {
    const record = this.#record(identity)
    await this.#save({ ...record, good: record.good + 1 })
  }

  /** Records a fault; the identity is not asked again for an hour, doubling with each fault up to a week. */
  async bad(identity: Buffer, note: string): Promise<void> {
    const record = this.#record(identity)
    const bad = record.bad + 1
    const pause = Math.min(HOUR * 2 ** Math.min(bad - 1, 10), LONGEST_PAUSE)
    await this.#save({ ...record, bad, until: this.#now() + pause, note: note.slice(0, 200) })
  }

  #record(identity: Buffer): PeerRecord {
    return this.of(identity) ?? { identity, good: 0, bad: 0, until: 0, note: '' }
  }

  async #save(record: PeerRecord): Promise<void> {
    await this.#store.set(change(peerTable, record.identity!, record))
  }
}
