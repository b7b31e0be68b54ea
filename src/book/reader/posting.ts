import type { BushelError } from '../../../contracts/errors/error.js'
import { systemClock } from '../../base/clock.js'
import { timeoutSignal } from '../../base/timeouts.js'
import type { GateVerdict } from '../relay/gate.js'
import { refusal } from '../refusal.js'
import type { RelayRecord } from './relay-record.js'

/** What became of a record that was handed to relays. */
export interface Posting {
  /** True when the book that this node reads has it. */
  inBook: boolean
  /** Number of relays that it was handed to, and of those that said that they accepted it. */
  asked: number
  accepted: number
  /** Why a relay refused it, if one did. */
  refusal: string | null
}

/** Bounds of handing one record to relays. */
const POSTING = {
  /** Relays that get it at once. */
  atOnce: 3,
  /** Most relays that get it. */
  most: 16,
  /** How long the book may lack it before the next relays get it, ms. */
  nextAfter: 2000,
  /** How long the book may lack it once no relay is left, ms. */
  lastWait: 8000
} as const

/** A connected relay. */
export interface PostingRelay {
  readonly device: Buffer
  submit(record: Buffer): Promise<GateVerdict>
}

export interface PostingOptions {
  /** The connected relays, in the order in which to ask them. */
  relays: () => readonly PostingRelay[]
  record: RelayRecord
  /** Whether the book that this node reads has the record. */
  isInBook: () => Promise<boolean>
  /** Resolves when the book or the relays may have changed, or the signal is aborted. */
  change: (until: AbortSignal) => Promise<void>
  /** Aborted when nothing more is to be waited for. */
  limit: AbortSignal
}

type Answer = 'none' | 'OK' | 'REPEATED' | 'refused' | 'lost'

interface Asked {
  device: Buffer
  round: number
  answer: Answer
}

/**
 * Hands a record to a few relays, and to further ones as long as the book lacks it: the word of a relay that it accepted
 * the record, refused it or has it already proves nothing. Relays that were asked in vain are asked last from then on.
 */
export class RelayPosting {
  readonly #options: PostingOptions
  readonly #bytes: Buffer
  readonly #asked = new Map<string, Asked>()
  #round = 0
  #refusal: BushelError | null = null
  readonly #gaps = systemClock.gaps()
  /** Aborted when an answer arrives. */
  #news = new AbortController()

  constructor(bytes: Buffer, options: PostingOptions) {
    this.#bytes = bytes
    this.#options = options
  }

  /** Rejects with a refusal when the book lacks the record, and no relay that was asked has accepted it. */
  async run(): Promise<Posting> {
    const { isInBook, limit } = this.#options
    let timer: AbortSignal | null = null
    let isLast = false
    for (;;) {
      const watch = this.#watch()
      try {
        if (await isInBook()) return this.#delivered()
        if (limit.aborted) break
        if (timer === null || timer.aborted || !this.#isWaiting(this.#round)) {
          if (this.#handOn()) {
            isLast = this.#next().length === 0
            timer = timeoutSignal(isLast ? POSTING.lastWait : POSTING.nextAfter)
          } else if (!this.#isWaiting() || (isLast && timer?.aborted)) break
          else if (timer?.aborted) {
            isLast = true
            timer = timeoutSignal(POSTING.lastWait)
          }
        }
        await watch.until(timer)
      } finally {
        watch.end()
      }
    }
    return this.#missing()
  }

  get #all(): Asked[] {
    return [...this.#asked.values()]
  }

  /** The relays that get the record next; those that failed before, only when no other is left. */
  #next(): PostingRelay[] {
    const { relays, record } = this.#options
    const left = Math.min(POSTING.atOnce, POSTING.most - this.#asked.size)
    const unasked = relays().filter(({ device }) => !this.#asked.has(device.toString('hex')))
    const good = unasked.filter(({ device }) => !record.hasFailed(device))
    return (good.length > 0 ? good : unasked).slice(0, left)
  }

  /** False when no relay is left. */
  #handOn(): boolean {
    const relays = this.#next()
    if (relays.length === 0) return false
    this.#round++
    for (const relay of relays) {
      const asked: Asked = { device: relay.device, round: this.#round, answer: 'none' }
      this.#asked.set(relay.device.toString('hex'), asked)
      void this.#ask(relay, asked)
    }
    return true
  }

  async #ask(relay: PostingRelay, asked: Asked): Promise<void> {
    try {
      const verdict = await relay.submit(this.#bytes)
      if (verdict.code === 'OK' || verdict.code === 'REPEATED') asked.answer = verdict.code
      else {
        asked.answer = 'refused'
        this.#refusal ??= refusal(verdict)
      }
    } catch {
      asked.answer = 'lost' // it left, answered with what is no verdict, or not in time
    }
    const news = this.#news
    this.#news = new AbortController()
    news.abort()
  }

  /** True while a relay (of a round) that the record was handed to may still put it into the book. */
  #isWaiting(round?: number): boolean {
    const some = this.#all.filter(asked => round === undefined || asked.round === round)
    return some.some(({ answer }) => answer !== 'refused' && answer !== 'lost')
  }

  /** Watches from now on, so that nothing is missed that happens while the book is read. */
  #watch(): { until: (timer: AbortSignal | null) => Promise<void>; end: () => void } {
    const over = new AbortController()
    const end = (): void => over.abort()
    const attached: AbortSignal[] = []
    const attach = (signal: AbortSignal): void => {
      attached.push(signal)
      if (signal.aborted) end()
      else signal.addEventListener('abort', end, { once: true })
    }
    attach(this.#news.signal)
    attach(this.#options.limit)
    const changed = this.#options.change(over.signal)
    return {
      until: async timer => {
        if (timer) attach(timer)
        await changed
      },
      end: () => {
        for (const signal of attached) signal.removeEventListener('abort', end)
        end()
      }
    }
  }

  #delivered(): Posting {
    const { record } = this.#options
    // A relay of the last round that had it already shows that one of an earlier round has spread it.
    const hadIt = this.#all.some(({ round, answer }) => round === this.#round && answer === 'REPEATED')
    for (const { device, round, answer } of this.#all) {
      const wasLate = round < this.#round && (answer === 'none' || (isAccepted(answer) && !hadIt))
      if (answer === 'refused' || wasLate) this.#blame(device)
      else if (this.#asked.size === 1) record.kept(device)
    }
    return this.#posting(true)
  }

  #missing(): Posting {
    const posting = this.#posting(false)
    for (const { device, answer } of this.#all)
      if (answer === 'none' || isAccepted(answer)) this.#blame(device)
    if (this.#refusal && posting.accepted === 0) throw this.#refusal
    return posting
  }

  /** A relay that seemed slow because this machine slept did nothing wrong. */
  #blame(device: Buffer): void {
    if (this.#gaps === systemClock.gaps()) this.#options.record.failed(device)
  }

  #posting(inBook: boolean): Posting {
    const accepted = this.#all.filter(({ answer }) => isAccepted(answer)).length
    return { inBook, asked: this.#asked.size, accepted, refusal: this.#refusal?.message ?? null }
  }
}

function isAccepted(answer: Answer): boolean {
  return answer === 'OK' || answer === 'REPEATED'
}
