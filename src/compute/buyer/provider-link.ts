import type { JobProgress } from '#spec'
import { BushelError, isPassing } from '../../../contracts/errors/error.js'
import { Stall, pause } from '../../base/timeouts.js'
import type { DealChannel } from '../../deal/channel.js'
import { isDeclined } from '../../deal/decline.js'
import type { Deals } from '../../deal/deals.js'
import type { JobTimeouts } from '../job/timeouts.js'

export interface ProviderLinkOptions {
  deals: Deals
  /** The provider's device key. */
  device: Buffer
  agreement: Buffer
  timeouts: JobTimeouts
  /** The error for a request that stays unanswered. */
  silent: (why: string) => BushelError
}

/** Pause before a failed step is tried again, ms. */
export const RETRY = 250

/** The way to a job's provider, over as many connections as it takes. */
export class ProviderLink {
  readonly #options: ProviderLinkOptions

  constructor(options: ProviderLinkOptions) {
    this.#options = options
  }

  channel(signal?: AbortSignal): Promise<DealChannel> {
    const { deals, device, timeouts } = this.#options
    return deals.open(device, { timeoutMs: timeouts.connect, ...(signal ? { signal } : {}) })
  }

  /** The provider's progress report, or null when the provider cannot be reached now. */
  async progress(signal: AbortSignal): Promise<JobProgress | null> {
    const { agreement, timeouts } = this.#options
    let channel: DealChannel | null = null
    try {
      channel = await this.channel(signal)
      return await channel.request('jobProgress', { agreement }, { timeoutMs: timeouts.progress })
    } catch (error) {
      signal.throwIfAborted()
      if (!maySucceed(error)) throw error
      // The connection may be dead without having been closed.
      if (error instanceof BushelError && error.code === 'TIMEOUT') channel?.disconnect()
      await pause(RETRY, signal)
      return null
    }
  }

  /** Repeats a step over new connections until it succeeds or the silence timeout ends. */
  async persist<T>(
    what: string,
    step: (channel: DealChannel) => Promise<T>,
    signal: AbortSignal = new AbortController().signal
  ): Promise<T> {
    const { timeouts, silent } = this.#options
    const silence = new Stall(timeouts.silence)
    for (;;) {
      try {
        return await step(await this.channel(signal))
      } catch (error) {
        signal.throwIfAborted()
        if (!maySucceed(error)) throw error
        if (silence.isStalled) throw silent(`no answer to ${what}`).withCause(error)
        await pause(RETRY, signal)
      }
    }
  }
}

/** Whether a repeated step may succeed after this error. */
export function maySucceed(error: unknown): boolean {
  return isPassing(error) || isDeclined(error, 'NOT_RECEIVED')
}
