import type { SignedTakeover } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { shortKey } from '../../../contracts/keys/key.js'
import type { Logger } from '../../base/logger.js'
import { DeclineError } from '../../deal/decline.js'
import { change } from '../../store/change.js'
import type { Store } from '../../store/store.js'
import { leftTable } from '../tables.js'

const OWN = 'own'

/** The takeover of what this device bought by another one of the owner; null: there is none. */
export function leftBy(store: Store): SignedTakeover | null {
  return store.table(leftTable).get(OWN)
}

/** What the owner of a device is told that was left. */
export function leftText({ takeover }: SignedTakeover): string {
  return `another device of yours, ${shortKey(takeover.to)}, has taken over what this one bought; nothing more is paid from here`
}

/** This device after another one of its owner has taken over what it bought: it buys and pays no storage any more. */
export class Leaving {
  readonly #store: Store
  readonly #identity: Buffer
  readonly #log: Logger

  constructor({ store, identity, log }: { store: Store; identity: Buffer; log: Logger }) {
    this.#store = store
    this.#identity = identity
    this.#log = log
  }

  /** True when this device was left. */
  get isLeft(): boolean {
    return leftBy(this.#store) !== null
  }

  /** Throws TAKEN_OVER when this device was left. */
  demandHere(): void {
    const left = leftBy(this.#store)
    if (!left) return
    throw new BushelError(
      'TAKEN_OVER',
      leftText(left),
      'use the other device; to buy from here again, make a new home with the same words: bushel init --words -'
    )
  }

  /** Takes note of a takeover of this device, which the words have signed. On disk when it resolves. */
  async hear(signed: SignedTakeover): Promise<void> {
    const { identity, n } = signed.takeover
    if (!identity.equals(this.#identity))
      throw new DeclineError('PARTIES', 'the takeover is not by the identity of this device')
    const known = leftBy(this.#store)
    if (known && known.takeover.n >= n) return
    await this.#store.set(change(leftTable, OWN, signed))
    this.#log.warn(leftText(signed))
  }
}
