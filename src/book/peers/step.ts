import type { EventEmitter } from 'node:events'
import { BushelError } from '../../../contracts/errors/error.js'
import { timeoutSignal } from '../../base/timeouts.js'
import type { MarketPeers } from './market-peers.js'
import { RelayPosting } from '../reader/posting.js'
import type { Posting } from '../reader/posting.js'
import type { RelayHeads } from '../reader/relay-heads.js'

export const SUBMIT_TIMEOUT = 30_000
/** Delay before asking again after an answer that shows this node behind, ms. */
const ASK_AGAIN = 100

export interface StepOptions {
  /** Emits `update` when the view has changed. */
  market: EventEmitter
  peers: MarketPeers
  /** The market's name in messages. */
  name: () => string
  isClosing: () => boolean
  isFounder: () => boolean
  /** True when the rules of the market are known. */
  hasRules: () => boolean
  heads: RelayHeads
  /** Whether the view has the order of this record, after applying what has arrived. */
  isInBook: (record: Buffer) => Promise<boolean>
  /** Called when the view is found to include all of a peer's view, for the first time or again. */
  oncaughtup: () => Promise<void>
}

/** Waits for other nodes: until a relay has put a record into the book, or until the view is in step with theirs. */
export class Step {
  readonly #options: StepOptions

  constructor(options: StepOptions) {
    this.#options = options
  }

  /** Hands a record to relays, and waits for one if none is connected; rejects with a refusal of all, or NO_RELAY. */
  async submit(record: Buffer, timeoutMs: number): Promise<Posting> {
    const { peers, name, isClosing, isInBook } = this.#options
    const limit = timeoutSignal(timeoutMs)
    while (!isClosing() && peers.relays.length === 0 && !limit.aborted) await this.#change(limit)
    if (isClosing() || peers.relays.length === 0)
      throw new BushelError(
        'NO_RELAY',
        `no relay of market ${name()} could be reached; nothing was published`,
        'try again when the founder or a relay is online'
      )
    return await new RelayPosting(record, {
      relays: () => (isClosing() ? [] : peers.relays),
      record: peers.record,
      isInBook: async () => !isClosing() && (await isInBook(record)),
      change: until => this.#change(until),
      limit
    }).run()
  }

  /**
   * True when the rules are known and the view includes all that enough relays have, see `RelayHeads` (without relays: all
   * that another peer has); the founder is always in step. False after `timeoutMs`.
   */
  async inStep(timeoutMs: number): Promise<boolean> {
    const { isClosing, isFounder, hasRules } = this.#options
    const limit = timeoutSignal(timeoutMs)
    while (!isClosing()) {
      if (isFounder()) return hasRules()
      const asked = new AbortController()
      const over = aborted(limit, asked.signal)
      if (await this.#hasCaughtUp(over).finally(() => asked.abort())) return true
      if (limit.aborted) return false
      await this.#change(AbortSignal.any([limit, timeoutSignal(ASK_AGAIN)]))
    }
    return false
  }

  async #hasCaughtUp(over: Promise<false>): Promise<boolean> {
    const { heads, oncaughtup, hasRules } = this.#options
    const knewRelays = hasRules()
    if (!(await Promise.race([heads.areCovered(), over]))) return false
    await oncaughtup()
    if (!hasRules()) return false
    return knewRelays || (await this.#hasCaughtUp(over))
  }

  /** Resolves at the next change of the view or of the peers, or at the end of the wait. */
  async #change(limit: AbortSignal): Promise<void> {
    const { market, peers } = this.#options
    await new Promise<void>(resolve => {
      const done = (): void => {
        market.off('update', done)
        peers.off('change', done)
        limit.removeEventListener('abort', done)
        resolve()
      }
      market.once('update', done)
      peers.once('change', done)
      limit.addEventListener('abort', done)
    })
  }
}

/** Resolves to false when the signal is aborted; it is not listened to any more when `unwanted` is. */
function aborted(signal: AbortSignal, unwanted: AbortSignal): Promise<false> {
  return new Promise(resolve => {
    if (signal.aborted) resolve(false)
    else signal.addEventListener('abort', () => resolve(false), { once: true, signal: unwanted })
  })
}
