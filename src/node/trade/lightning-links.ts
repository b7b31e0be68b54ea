import type { NoiseStream } from 'hyperdht'
import type { Wallet } from '../../lightning/wallet.js'

type Link = NonNullable<Wallet['link']>

/** Lightning over connections of the node: for as long as each lasts, and payments may be under way. */
export class LightningLinks {
  readonly #link: Link | null
  /** Each with what ends it. */
  readonly #links = new Map<NoiseStream, () => void>()

  /** `link` speaks Lightning over a connection; null for a wallet that has connections of its own. */
  constructor(link: Link | null) {
    this.#link = link
  }

  add(stream: NoiseStream): void {
    if (!this.#link || this.#links.has(stream) || stream.destroyed) return
    const link = this.#link(stream)
    const end = (): void => {
      this.#links.delete(stream)
      stream.off('close', end)
      link.close()
    }
    this.#links.set(stream, end)
    stream.once('close', end)
  }

  close(): void {
    for (const end of [...this.#links.values()]) end()
  }
}
