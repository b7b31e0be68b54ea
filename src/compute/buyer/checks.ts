import { randomInt } from 'node:crypto'
import type { CheckRecord } from '#spec'
import { decode, encode } from '../../../contracts/schema/codec.js'
import type { Facts } from '../../store/facts.js'

const KIND = 'compute-check'
/** So many results must have proven right, one after the other, before one is taken unchecked. */
const TRUSTED_AFTER = 10
const DRAW = 2 ** 47

/** A number from 0 up to 1, which nobody can foresee. */
export function draw(): number {
  return randomInt(DRAW) / DRAW
}

/** How a provider's results have compared with those of others, as far as this node has compared them. */
export class Checks {
  readonly #facts: Facts
  readonly #draw: () => number

  constructor(facts: Facts, random: () => number = draw) {
    this.#facts = facts
    this.#draw = random
  }

  of(identity: Buffer): CheckRecord {
    const value = this.#facts.get(KIND, identity)
    return value ? decode('check-record', value) : { identity, valid: 0, wrong: 0 }
  }

  /** Is this provider's next result compared with another's? */
  isDrawn(identity: Buffer): boolean {
    return this.#draw() < chanceOf(this.of(identity))
  }

  /** Its result was that of the others. A result that nobody compared says nothing. */
  async valid(identity: Buffer): Promise<void> {
    const record = this.of(identity)
    await this.#save({ ...record, valid: record.valid + 1 })
  }

  /** Its result was another, or could not be opened: its good record is gone. */
  async wrong(identity: Buffer): Promise<void> {
    await this.#save({ identity, valid: 0, wrong: this.of(identity).wrong + 1 })
  }

  async #save(record: CheckRecord): Promise<void> {
    await this.#facts.set({ kind: KIND, key: record.identity, value: encode('check-record', record) })
  }
}

/**
 * The chance that a result is checked by a second provider, from the number of results in a row that proved right:
 * 1 below 10, and 1/valid from there. A wrong one sets it back to 0. This is the adaptive replication of BOINC
 * (https://boinc.berkeley.edu/trac/wiki/AdaptiveReplication: "if CV(H, V) < 10, don't trust the host; otherwise, trust
 * the host randomly with probability 1 - 1/CV(H, V)").
 */
export function chanceOf({ valid }: Pick<CheckRecord, 'valid'>): number {
  return valid < TRUSTED_AFTER ? 1 : 1 / valid
}
