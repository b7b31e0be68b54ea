import type { NoiseStream } from 'hyperdht'
import ReadyResource from 'ready-resource'
import { BushelError } from '../../../contracts/errors/error.js'
import { Scope } from '../../base/scope.js'
import type { DealChannel } from '../../deal/channel.js'
import type { Deals } from '../../deal/deals.js'
import type { Network } from '../../network/network.js'
import type { LightningLinks } from './lightning-links.js'
import type { Logger } from '../../base/logger.js'

export interface ConnectionsOptions {
  network: Network
  deals: Deals
  lightning: LightningLinks
  /** True for devices that are greeted when they connect, to compare counters and start Lightning. */
  hasDealings(device: Buffer): boolean
  /** How long a greeting may take, ms. */
  timeoutMs: number
  log: Logger
}

/** Answers peers over the node's connections from opening until closing. */
export class Connections extends ReadyResource {
  readonly #options: ConnectionsOptions
  readonly #scope = new Scope()

  constructor(options: ConnectionsOptions) {
    super()
    this.#options = options
  }

  protected override _open(): Promise<void> {
    const { deals, network, lightning } = this.#options
    return this.#scope.guard(async () => {
      // Lightning starts only after both sides have exchanged counters. Listens before any peer is met.
      this.#scope.on(deals, 'met', ({ stream }: DealChannel) => lightning.add(stream))
      await this.#scope.open(deals)
      this.#scope.on(network, 'connection', (stream: NoiseStream) => this.#attach(stream))
      for (const stream of network.streams) this.#attach(stream)
    })
  }

  protected override _close(): Promise<void> {
    return this.#scope.close()
  }

  #attach(stream: NoiseStream): void {
    const { deals, hasDealings, timeoutMs, log } = this.#options
    deals.attach(stream)
    const device = stream.remotePublicKey
    if (!hasDealings(device)) return
    deals
      .open(device, { timeoutMs })
      .catch((error: unknown) => error instanceof BushelError || log.fault(error))
  }
}
