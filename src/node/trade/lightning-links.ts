import type { NoiseStream } from 'hyperdht'
import type { Wallet } from '../../lightning/wallet.js'

type Link = NonNullable<Wallet['link']>

/** Runs Lightning over the node's connections until they close and no payment is in flight. */
export class LightningLinks {
  readonly #link: Link | null
  /** Connections, each with the function that ends its link. */
  readonly #links = new Map<NoiseStream, () => void>()

  /** `link` runs Lightning over a connection; null for a wallet with connections of its own. */
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
