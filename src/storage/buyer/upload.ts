import type { Lease, Seal, SealedCore } from '#spec'
import { hashOf } from '../../../contracts/schema/codec.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { sign, verify } from '../../../contracts/keys/signature.js'
import { MAX_CLOCK_SKEW } from '../../../contracts/terms.js'
import type { DealChannel } from '../../deal/channel.js'
import { isDeclined } from '../../deal/decline.js'
import type { Deals } from '../../deal/deals.js'
import { LEASE } from '../lease/lease-state.js'
import { bytesOf, endOf } from '../lease/leases.js'
import type { Leases } from '../lease/leases.js'
import type { Clock } from '../../base/clock.js'
import { Stall, pause, unlessAborted } from '../../base/timeouts.js'
import { WAITS, reasonOf } from '../lease/upload-wait.js'
import { isLost, isPassing } from './passing.js'
import type { Timeouts } from '../lease/timeouts.js'

/** The buyer's packed cores. */
export interface UploadSource {
  /** Gives the cores of an agreement to the provider at the other end, or says where they are. */
  attach(channel: DealChannel, agreement: Buffer): Promise<void>
  seals(): Promise<SealedCore[]>
  /** Below this rate it is given up, bytes a ms; absent: 16 KiB/s. */
  readonly leastRate?: number
}

/** Hears of an upload while it runs. */
export interface UploadListener {
  bytes(here: number): void
  /** The provider has answered. */
  answer?(): void
  /** A line for the user. */
  note?(message: string): void
}

export interface UploadOptions {
  context: { deals: Deals; leases: Leases; now: () => number }
  /** Of the agreement. */
  id: Buffer
  /** The provider's device, and its name in messages. */
  provider: Buffer
  name: string
  timeouts: Timeouts
  channel(signal: AbortSignal): Promise<DealChannel>
  /** Tells the provider of payments that it has not acknowledged. */
  tell(channel: DealChannel): Promise<unknown>
  clock?: Clock
  /** The error for a provider that is caught in a lie. */
  lie(why: string): BushelError
}

/** ms between two requests for the progress of an upload; shorter towards its end. */
const POLL = { most: 250, least: 20 }

/** An upload at less than 16 KiB/s is given up, after ten times the wait for progress: a provider could take a block now and then. */
const SLOWEST = { times: 10, bytesPerMs: 16.384 }

/** Most times a payment is announced. A provider that loses every announcement is abandoned. */
const MAX_TELLINGS = 3

/** Uploads a copy, from the first payment to the provider's signed receipt for all of it. */
export class Upload {
  readonly #options: UploadOptions

  constructor(options: UploadOptions) {
    this.#options = options
  }

  get #lease(): Lease {
    return this.#options.context.leases.get('buyer', this.#options.id)!
  }

  /** Resolves when the provider has signed that the copy is stored. */
  async run(goods: UploadSource, listener: UploadListener, signal: AbortSignal): Promise<void> {
    if (this.#lease.state !== LEASE.ACTIVE) return
    const total = this.#lease.terms.cores.reduce((sum, core) => sum + core.length, 0)
    const { timeouts, clock } = this.#options
    const stall = new Stall(timeouts.upload, clock)
    const whole = new Stall(
      SLOWEST.times * timeouts.upload + bytesOf(this.#lease) / (goods.leastRate ?? SLOWEST.bytesPerMs),
      clock
    )
    let most = -1
    let wait = POLL.least
    let attached: DealChannel | null = null
    let heard: 'perhaps' | 'no' | 'now' = 'perhaps'
    let tellings = 0
    /** The provider has answered each time since the last progress. */
    let isAnswering = true
    let waits: number | null = null
    /** No other copy has given the provider anything since the last progress: that is not its fault. */
    let isDry = false
    for (;;) {
      signal.throwIfAborted()
      try {
        const channel = await this.#options.channel(signal)
        if (heard === 'no') {
          tellings++
          await this.#options.tell(channel)
          heard = 'now'
        }
        if (channel !== attached) await goods.attach(channel, this.#options.id)
        attached = channel
        const { id: agreement } = this.#options
        const asked = channel.request('progress', { agreement }, { timeoutMs: timeouts.answer })
        const progress = await unlessAborted(asked, signal)
        listener.answer?.()
        waits = this.#noteWaits(waits, progress.waits || null, listener) // 0 is sent for none
        // Who says that it waits is not waited for without end: the whole has a bound too.
        if (waits === WAITS.source) isDry = true
        else if (waits !== null) stall.moved()
        // More than there is counts as no progress: a provider could claim ever more, and never sign.
        const blocks = Math.min(progress.blocks, total)
        if (blocks > most) {
          const perBlock = stall.moved() / (blocks - most)
          wait = Math.min(Math.max((perBlock * (total - blocks)) / 2, POLL.least), POLL.most)
          most = blocks
          isAnswering = true
          isDry = false
          listener.bytes(Math.min(progress.bytes, bytesOf(this.#lease)))
        }
        if (blocks >= total && (await unlessAborted(this.#seal(channel, goods), signal))) return
      } catch (error) {
        // A provider accepts no upload before it knows of the first payment, and its wallet may not have reported it yet.
        if (heard === 'perhaps' && isDeclined(error, 'NOT_PAID')) heard = 'no'
        else if (heard === 'no' && tellings === MAX_TELLINGS) throw error
        else if (!(heard === 'no' ? isLost : isPassing)(error)) throw error
        if (isLost(error)) isAnswering = false
        wait = POLL.most
      }
      // Silence may be due to our own network; only a provider that answers and takes nothing has done it itself.
      if (stall.isStalled) {
        throw new BushelError(
          isAnswering && !isDry ? 'UPLOAD_STALLED' : 'STALLED',
          `the upload to ${this.#options.name} has stalled`,
          'what was paid stays recorded; another provider is tried'
        )
      }
      if (whole.isStalled) {
        throw new BushelError(
          'STALLED',
          waits === null
            ? `the upload to ${this.#options.name} goes on too slowly`
            : `the upload to ${this.#options.name} is still paused: ${reasonOf(waits)}`,
          'what was paid stays recorded; another provider is tried'
        )
      }
      await pause(wait, signal, clock)
    }
  }

  /** Tells the user when the provider pauses the upload, and when that is over; returns why it waits now. */
  #noteWaits(before: number | null, now: number | null, { note }: UploadListener): number | null {
    const { name } = this.#options
    if (now !== before && now !== null)
      note?.(`provider ${name} has paused the upload: ${reasonOf(now)}; it goes on when there is room`)
    if (before !== null && now === null) note?.(`the upload to provider ${name} goes on`)
    return now
  }

  async #seal(channel: DealChannel, goods: UploadSource): Promise<boolean> {
    const { deals, leases } = this.#options.context
    const seal: Seal = { agreement: this.#options.id, cores: await goods.seals() }
    const signed = { seal, signature: sign('seal', seal, deals.self.device) }
    try {
      const answer = await channel.request('seal', signed, { timeoutMs: this.#options.timeouts.seal })
      const { stored, signature } = answer
      if (
        !verify('stored', stored, signature, this.#options.provider) ||
        !stored.seal.equals(hashOf('seal', seal))
      ) {
        throw this.#options.lie('its receipt for the upload is not valid')
      }
      const { follows } = this.#lease.terms
      const before = follows ? leases.get('buyer', follows) : null
      if (before) {
        if (stored.start !== endOf(before))
          throw this.#options.lie('its receipt does not start where the lease before it ends')
      } else {
        const late = stored.start - this.#options.context.now() > MAX_CLOCK_SKEW
        if (late || stored.start < this.#lease.committed - MAX_CLOCK_SKEW)
          throw this.#options.lie('its receipt starts in the future, or before the first payment')
      }
      // The lease may have been given up while its provider answered.
      if (this.#lease.state !== LEASE.ACTIVE)
        throw new BushelError('LAPSED', 'the lease was given up before it was sealed')
      await leases.save({
        ...this.#lease,
        state: before ? LEASE.NEXT : LEASE.STORED,
        start: stored.start,
        seal: signed,
        stored: answer
      })
      return true
    } catch (error) {
      if (isDeclined(error, 'INCOMPLETE')) return false
      throw error
    }
  }
}
