import type { NoiseStream } from 'hyperdht'
import type { SignedTicket } from '#spec'
import { isOurs } from '../../../contracts/errors/error.js'
import { shortKey } from '../../../contracts/keys/key.js'
import { KeyedBackoff } from '../../base/backoff.js'
import type { Logger } from '../../base/logger.js'
import type { DealChannel } from '../../deal/channel.js'

/** Until another copy that could not be reached, or refused, is tried again, ms. */
const AGAIN = { first: 5_000, last: 60_000 }

export interface RepairSourcesOptions {
  tickets: readonly SignedTicket[]
  open(device: Buffer): Promise<DealChannel>
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
  readonly #joined = new Map<string, NoiseStream>()
  readonly #joining = new Set<string>()
  #closed = false

  constructor(options: RepairSourcesOptions) {
    this.#options = options
    this.#retries = new KeyedBackoff(AGAIN, options.now)
  }

  /** Joins the copies that are not joined, ever more rarely where that fails. */
  look(): void {
    for (const signed of this.#options.tickets) {
      const { source } = signed.ticket
      const id = source!.toString('hex')
      const stream = this.#joined.get(id)
      if (this.#joining.has(id) || (stream && !stream.destroyed) || !this.#retries.isDue(source!)) continue
      this.#joining.add(id)
      void this.#join(signed).finally(() => this.#joining.delete(id))
    }
  }

  /** Joins all of them again at the next look: their connections were given up. */
  forget(): void {
    for (const { ticket } of this.#options.tickets) this.#retries.reset(ticket.source!)
    this.#joined.clear()
  }

  /** Joins no more of them. */
  close(): void {
    this.#closed = true
  }

  async #join(signed: SignedTicket): Promise<void> {
    const { open, draw, answerMs, log } = this.#options
    const { source } = signed.ticket
    try {
      const channel = await open(source!)
      await channel.request('ticket', signed, { timeoutMs: answerMs })
      if (this.#closed) return
      await draw(channel.stream)
      this.#joined.set(source!.toString('hex'), channel.stream)
      this.#retries.reset(source!)
    } catch (error) {
      if (isOurs(error)) log.fault(error)
      else log.info('a copy gives nothing for a repair', { peer: shortKey(source!), why: String(error) })
    }
  }
}
