import type { NoiseStream } from 'hyperdht'
import type { SignedTicket } from '#spec'
import { isOurs } from '../../../contracts/errors/error.js'
import { shortKey } from '../../../contracts/keys/key.js'
import { KeyedBackoff } from '../../base/backoff.js'
import { systemClock } from '../../base/clock.js'
import type { Logger } from '../../base/logger.js'
import { TokenBucket } from '../../base/token-bucket.js'
import type { DealChannel } from '../../deal/channel.js'

/** Until another copy that could not be reached, or refused, is tried again, ms. */
const AGAIN = { first: 5_000, last: 60_000 }
/** A buyer names whom we dial: so many dials at once, and then one in ten seconds. */
const DIALS = { burst: 16, perSecond: 0.1 }

export interface RepairSourcesOptions {
  open(device: Buffer, signal: AbortSignal): Promise<DealChannel>
  /** Takes blocks from this connection. */
  draw(stream: NoiseStream): Promise<void>
  answerMs: number
  now: () => number
  log: Logger
}

/** The other copies from which one repair is fetched, all at once. */
export class RepairSources {
  readonly #options: RepairSourcesOptions
  readonly #retries: KeyedBackoff
  readonly #dials = new TokenBucket(DIALS, () => systemClock.monotonic())
  readonly #joined = new Map<string, NoiseStream>()
  readonly #joining = new Set<string>()
  readonly #stop = new AbortController()
  #tickets: readonly SignedTicket[] = []

  constructor(options: RepairSourcesOptions) {
    this.#options = options
    this.#retries = new KeyedBackoff(AGAIN, options.now)
  }

  /** From now on these tickets are shown. */
  use(tickets: readonly SignedTicket[]): void {
    this.#tickets = tickets
  }

  /** Joins the copies that are not joined, ever more rarely where that fails. */
  look(): void {
    for (const signed of this.#tickets) {
      const { source } = signed.ticket
      const id = source!.toString('hex')
      const stream = this.#joined.get(id)
      if (this.#joining.has(id) || (stream && !stream.destroyed)) continue
      if (!this.#retries.isDue(source!) || !this.#dials.spend()) continue
      this.#joining.add(id)
      void this.#join(signed).finally(() => this.#joining.delete(id))
    }
  }

  /** Joins all of them again at the next look: their connections were given up. */
  forget(): void {
    for (const { ticket } of this.#tickets) this.#retries.reset(ticket.source!)
    this.#joined.clear()
  }

  /** Joins no more of them. */
  close(): void {
    this.#stop.abort()
  }

  async #join(signed: SignedTicket): Promise<void> {
    const { open, draw, answerMs, log } = this.#options
    const { source } = signed.ticket
    const { signal } = this.#stop
    try {
      const channel = await open(source!, signal)
      await channel.request('ticket', signed, { timeoutMs: answerMs })
      if (signal.aborted) return
      await draw(channel.stream)
      this.#joined.set(source!.toString('hex'), channel.stream)
      this.#retries.reset(source!)
    } catch (error) {
      if (signal.aborted) return
      if (isOurs(error)) log.fault(error)
      else log.info('a copy gives nothing for a repair', { peer: shortKey(source!), why: String(error) })
    }
  }
}
