import type { NoiseStream } from 'hyperdht'
import ReadyResource from 'ready-resource'
import { BushelError } from '../../../contracts/errors/error.js'
import { Scope } from '../../base/scope.js'
import type { DealChannel } from '../../deal/channel.js'
import type { Deals } from '../../deal/deals.js'
import type { LightningLink } from '../../lightning/backends/play/link.js'
import type { Network } from '../../network/network.js'

export interface ConnectionsOptions {
  network: Network
  deals: Deals
  /** Speaks Lightning over a connection; null for a wallet that has connections of its own. */
  link: ((stream: NoiseStream) => LightningLink) | null
  /** Devices that are greeted when they appear, so that counters are compared and Lightning comes up. */
  hasDealings(device: Buffer): boolean
  /** How long a greeting may take, ms. */
  timeoutMs: number
  onfault: (error: unknown) => void
}

/** Answers over the connections of the node: from here on peers are heard, and after closing none is. */
export class Connections extends ReadyResource {
  readonly #options: ConnectionsOptions
  readonly #scope = new Scope()
  /** Lightning sessions, each with what ends it. */
  readonly #links = new Map<NoiseStream, () => void>()

  constructor(options: ConnectionsOptions) {
    super()
    this.#options = options
  }

  /** Connections over which Lightning is spoken. */
  get links(): number {
    return this.#links.size
  }

  protected override _open(): Promise<void> {
    const { deals, network } = this.#options
    return this.#scope.guard(async () => {
      await this.#scope.open(deals)
      this.#scope.add(() => this.#unlink())
      this.#scope.on(deals, 'met', ({ stream }: DealChannel) => this.#link(stream))
      this.#scope.on(network, 'connection', (stream: NoiseStream) => this.#attach(stream))
      for (const stream of network.streams) this.#attach(stream)
    })
  }

  protected override _close(): Promise<void> {
    return this.#scope.close()
  }

  #attach(stream: NoiseStream): void {
    const { deals, hasDealings, timeoutMs, onfault } = this.#options
    deals.attach(stream)
    const device = stream.remotePublicKey
    if (!hasDealings(device)) return
    deals
      .open(device, { timeoutMs })
      .catch((error: unknown) => error instanceof BushelError || onfault(error))
  }

  /** Lightning speaks only with whoever has shown its counters, and seen ours. */
  #link(stream: NoiseStream): void {
    const { link } = this.#options
    if (!link || this.#links.has(stream) || stream.destroyed) return
    const session = link(stream)
    const end = (): void => {
      this.#links.delete(stream)
      stream.off('close', end)
      session.close()
    }
    this.#links.set(stream, end)
    stream.once('close', end)
  }

  #unlink(): void {
    for (const end of [...this.#links.values()]) end()
  }
}
