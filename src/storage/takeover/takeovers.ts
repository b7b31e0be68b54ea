import type { Party, SignedTakeover, Takeover, Terms } from '#spec'
import { change } from '../../store/change.js'
import type { Change } from '../../store/change.js'
import type { Store } from '../../store/store.js'
import { takeoverTable } from '../tables.js'

/** Most takeovers that are kept of one identity: a person loses a few devices. */
export const MOST_TAKEOVERS = 64

/** Most takeovers to one device that are followed, of all identities: each has paid for something. */
const MOST_BEHIND = 64 * MOST_TAKEOVERS

/** Why a takeover is not accepted. */
export type TakeoverFault = 'unknown' | 'later' | 'other' | 'left' | 'many'

/**
 * The takeovers that a provider has accepted: which device has the leases of which earlier one. Who the buyer of a lease is now
 * is decided here, and nowhere else.
 */
export class Takeovers {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  get #table() {
    return this.#store.table(takeoverTable)
  }

  /** The one that took a device's leases away from it. */
  from(identity: Buffer, device: Buffer): SignedTakeover | null {
    return this.#table.get([identity, device])
  }

  /** The buyer of a lease as it is now. */
  buyerOf({ buyer }: Pick<Terms, 'buyer'>): Party {
    let party = buyer
    // What is accepted makes no loop; a bound all the same, for the rows come from a disk.
    for (let i = 0; i < MOST_TAKEOVERS; i++) {
      const taken = this.from(buyer.identity!, party.device!)
      if (!taken) return party
      const { identity, to, lightning } = taken.takeover
      party = { identity, device: to, lightning }
    }
    return party
  }

  /** The devices that were the buyer of a lease one after the other, the present one last. */
  buyersOf({ buyer }: Pick<Terms, 'buyer'>): Buffer[] {
    const devices = [buyer.device!]
    for (let i = 0; i < MOST_TAKEOVERS; i++) {
      const taken = this.from(buyer.identity!, devices.at(-1)!)
      if (!taken) return devices
      devices.push(taken.takeover.to)
    }
    return devices
  }

  /**
   * The devices whose leases have come to this one, itself first. Each identity is followed by itself: what others sign to this
   * device hides nothing of its own.
   */
  behind(device: Buffer): Buffer[] {
    const all = [{ identity: null as Buffer | null, device }]
    for (let i = 0; i < all.length && all.length <= MOST_BEHIND; i++) {
      const { identity, device: to } = all[i]!
      for (const { key } of this.#table.by('to', { under: to }))
        if (!identity || key[0].equals(identity)) all.push({ identity: key[0], device: key[1] })
    }
    return all.map(one => one.device)
  }

  /** Whether leases came to this device of the identity by a takeover. */
  #hasTaken(identity: Buffer, device: Buffer): boolean {
    for (const { key } of this.#table.by('to', { under: device })) if (key[0].equals(identity)) return true
    return false
  }

  /** Whether this very takeover, by its number and its devices, is accepted already. */
  isKnown({ takeover }: SignedTakeover): boolean {
    const known = this.from(takeover.identity, takeover.from)?.takeover
    return known?.n === takeover.n && isSame(known, takeover)
  }

  /**
   * Why a takeover that the words have signed is not accepted; null when it is. `isBuyer`: something was paid for a lease whose
   * terms name the identity and the device.
   */
  faultOf(
    { takeover }: SignedTakeover,
    isBuyer: (identity: Buffer, device: Buffer) => boolean
  ): TakeoverFault | null {
    const { identity, from, to, n } = takeover
    const known = this.from(identity, from)?.takeover
    if (known && known.n > n) return 'later'
    if (known?.n === n) return isSame(known, takeover) ? null : 'other'
    // What was taken from a device comes back to it by no detour: so there is no loop.
    const next = this.buyersOf({ buyer: { identity, device: to, lightning: null } })
    if (next.some(device => device.equals(from))) return 'left'
    if (known) return null
    if (!isBuyer(identity, from) && !this.#hasTaken(identity, from)) return 'unknown'
    const count = [...this.#table.list({ under: [identity] })].length
    return count < MOST_TAKEOVERS ? null : 'many'
  }

  change(signed: SignedTakeover): Change {
    const { identity, from } = signed.takeover
    return change(takeoverTable, [identity, from], signed)
  }
}

function isSame(a: Takeover, b: Takeover): boolean {
  return a.to.equals(b.to) && a.lightning!.equals(b.lightning!)
}
