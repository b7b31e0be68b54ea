import { randomInt } from 'node:crypto'
import type { CheckRecord } from '#spec'
import { change } from '../../store/change.js'
import type { Store } from '../../store/store.js'
import { checkTable } from '../tables.js'

/** Correct results in a row before a result may be accepted without a check. */
const TRUSTED_AFTER = 10
const DRAW = 2 ** 47

/** A random number in [0, 1) from a cryptographic source. */
export function draw(): number {
  return randomInt(DRAW) / DRAW
}

/** For each provider, how its results compared with those of other providers. */
export class Checks {
  readonly #store: Store
  readonly #draw: () => number

  constructor(store: Store, random: () => number = draw) {
    this.#store = store
    this.#draw = random
  }

  of(identity: Buffer): CheckRecord {
    return this.#store.table(checkTable).get(identity) ?? { identity, valid: 0, wrong: 0 }
  }

  /** Whether this provider's next result is checked by a second provider. */
  isDrawn(identity: Buffer): boolean {
    return this.#draw() < chanceOf(this.of(identity))
  }

  /** Counts a result that equals those of the other providers. Unchecked results are not counted. */
  async valid(identity: Buffer): Promise<void> {
    const record = this.of(identity)
    await this.#save({ ...record, valid: record.valid + 1 })
  }

  /** Counts a result that differs or cannot be opened, and resets the count of valid ones. */
  async wrong(identity: Buffer): Promise<void> {
    await this.#save({ identity, valid: 0, wrong: this.of(identity).wrong + 1 })
  }

  async #save(record: CheckRecord): Promise<void> {
    await this.#store.set(change(checkTable, record.identity!, record))
  }
}

/**
 * The probability that a second provider checks a result: 1 below 10 valid results in a row, 1/valid from there. A wrong
 * result resets the count to 0. This is the adaptive replication of BOINC
 * (https://boinc.berkeley.edu/trac/wiki/AdaptiveReplication: "if CV(H, V) < 10, don't trust the host; otherwise, trust
 * the host randomly with probability 1 - 1/CV(H, V)").
 */
export function chanceOf({ valid }: Pick<CheckRecord, 'valid'>): number {
  return valid < TRUSTED_AFTER ? 1 : 1 / valid
}
