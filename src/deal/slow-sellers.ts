import { shortKey } from '../../contracts/keys/key.js'
import { MOST_NOTES } from './dialling.js'

/** The sellers that did not answer while others did: they are dialled again after all others. */
export class SlowSellers {
  readonly #devices = new Set<string>()
  readonly #note: (message: string) => void

  constructor(note: (message: string) => void) {
    this.#note = note
  }

  add(asks: readonly { device: Buffer }[]): void {
    for (const { device } of asks) this.#devices.add(device.toString('hex'))
    if (asks.length > MOST_NOTES)
      this.#note(`passed over ${asks.length} offers of devices that did not answer while others did`)
    else
      for (const { device } of asks)
        this.#note(`passed over the offer of ${shortKey(device)}: it did not answer while others did`)
  }

  /** The asks in their order, those of slow sellers last. */
  last<C extends { device: Buffer }>(asks: readonly C[]): C[] {
    const isSlow = ({ device }: C): boolean => this.#devices.has(device.toString('hex'))
    return [...asks.filter(ask => !isSlow(ask)), ...asks.filter(isSlow)]
  }
}
