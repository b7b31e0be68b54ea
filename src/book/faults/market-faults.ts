import type { Logger } from '../../base/logger.js'
import type { MalformedBlock } from '../log/log.js'
import { isDataFault, marketBroken, reasonOf } from './fault.js'

export interface MarketFaultsOptions {
  market: () => Buffer
  name: () => string
  /** The relays by device in hex, with the keys of their writers. */
  relays: () => ReadonlyMap<string, Buffer>
  isClosing: () => boolean
  /** Reads from the log, again when it skipped ahead meanwhile. */
  read: <T>(read: () => Promise<T>) => Promise<T>
  log: Logger
  /** Called with the first error over which the market cannot go on. */
  onfail: (error: unknown) => void
}

/** Tells the faults of a market: those that pass, and the one over which it cannot go on. */
export class MarketFaults {
  /** The error over which the market cannot go on; null: it can. */
  failure: unknown = null
  readonly #options: MarketFaultsOptions

  constructor(options: MarketFaultsOptions) {
    this.#options = options
  }

  /** Logs a fault, unless the market is closing. */
  fault(error: unknown): void {
    const { isClosing, log, market } = this.#options
    if (!isClosing()) log.fault(error, { market: market() })
  }

  /** Tells that the market cannot go on; the first error counts. */
  fail(error: unknown): void {
    if (this.#options.isClosing() || this.failure) return
    this.failure = error
    this.#options.onfail(error)
  }

  /** A relay's blocks are not read from a malformed one on. */
  malformed({ writer, index, why }: MalformedBlock): void {
    const { relays, log, market } = this.#options
    const [relay = null] = [...relays()]
      .filter(([, key]) => key.equals(writer))
      .map(([id]) => Buffer.from(id, 'hex'))
    log.warn(`a relay wrote a malformed block; nothing that it wrote after it is read: ${why}`, {
      market: market(),
      relay,
      block: index
    })
  }

  /** A read of the view. One that meets malformed data is done again, for the view may have changed meanwhile. */
  async read<T>(read: () => Promise<T>): Promise<T> {
    const { isClosing, market, name, read: readFrom } = this.#options
    try {
      return await readFrom(read).catch((error: unknown) =>
        isDataFault(error) ? readFrom(read) : Promise.reject(error as Error)
      )
    } catch (error) {
      if (isClosing() || !isDataFault(error)) throw error
      this.fail(error)
      throw marketBroken({ key: market(), name: name(), reason: reasonOf(error) })
    }
  }
}
