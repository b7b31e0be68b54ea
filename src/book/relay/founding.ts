import { BushelError } from '../../../contracts/errors/error.js'
import type { MarketRules } from '#spec'
import { systemClock } from '../../base/clock.js'
import type { Logger } from '../../base/logger.js'
import type { BookLog } from '../log/log.js'
import { encodeOperation } from '../view/operation.js'
import type { ViewState } from '../view/listing.js'
import { Administration } from './administration.js'
import type { AdministrationOptions } from './administration.js'
import { RelayVolumes } from './relay-volumes.js'
import { Ticker } from './ticker.js'

export interface FoundingOptions extends Omit<AdministrationOptions, 'append'> {
  base: () => BookLog
  state: () => ViewState
  /** Resolves when the state includes what was appended. */
  refresh: () => Promise<void>
  /** The market's name in messages. */
  name: () => string
  isFounder: () => boolean
  now: () => number
  log: Logger
  onfault: (error: unknown) => void
}

/** What only the founder of a market does: its rules and its time, its relays, bans. */
export class Founding {
  readonly administration: Administration
  readonly #options: FoundingOptions
  #ticker: Ticker | null = null

  constructor(options: FoundingOptions) {
    this.#options = options
    this.administration = new Administration({ ...options, append: operation => this.#write(operation) })
  }

  async #write(operation: Buffer | Buffer[]): Promise<void> {
    await this.#options.base().append(operation)
    await this.#options.refresh()
  }

  /** Writes the rules of a new market, with its first tick. */
  async found(rules: MarketRules): Promise<void> {
    const { base, now } = this.#options
    await base().append([encodeOperation('rules', rules), encodeOperation('tick', { time: now() })])
  }

  /** Begins to publish the time of the market, and to look at what its relays write. */
  start(): void {
    const { base, state, now, onfault } = this.#options
    this.#ticker = new Ticker({
      interval: state().rules?.tickInterval ?? 60_000,
      last: () => state().tick,
      now,
      write: times => this.#write(times.map(time => encodeOperation('tick', { time }))),
      onfault
    })
    const volumes = this.#watchRelays()
    const look = (): void => void volumes.look().catch(onfault)
    look()
    base().on('update', look)
  }

  #watchRelays(): RelayVolumes {
    const { base, state, log, market } = this.#options
    return new RelayVolumes({
      writers: () => [...base().activeWriters].map(({ core }) => core),
      relays: () => state().relays,
      expel: async device => {
        const reason = 'it wrote more to the market than its orders take'
        log.warn('relay expelled', { market: market(), peer: device, reason })
        await this.administration.ban(device)
      },
      now: () => systemClock.monotonic()
    })
  }

  /** Publishes the time now if it is behind. */
  tick(): void {
    this.#ticker?.tick()
  }

  async stop(): Promise<void> {
    await this.#ticker?.stop()
  }

  /** True when done; false when the device is not connected: it is then admitted when it connects. */
  async admit(device: Buffer): Promise<boolean> {
    this.#founderOnly()
    return await this.administration.admit(device)
  }

  /** Bans an identity, a device or a writer for good. */
  async ban(key: Buffer): Promise<void> {
    this.#founderOnly()
    await this.administration.ban(key)
  }

  #founderOnly(): void {
    const { isFounder, name } = this.#options
    if (isFounder()) return
    throw new BushelError(
      'NOT_FOUNDER',
      `only the founder of market ${name()} can do that; nothing was changed`,
      'ask the founder'
    )
  }
}
