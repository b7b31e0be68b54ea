import type { Order } from '#spec'
import { MINUTE } from '../../../contracts/money/quantity.js'
import { SIDE } from '../../../contracts/order.js'
import type { Logger } from '../../base/logger.js'
import { Poller } from '../../base/poller.js'
import { KeyedTokenBuckets } from '../../base/token-bucket.js'
import { storage } from '../resource.js'

/** A relay takes a dozen revisions of an order an hour: some at once, then one every ten minutes. */
const REVISIONS = { burst: 4, perSecond: 1 / 600 }
const MOST_ASKS = 1024
const LOOK_EVERY = 2 * MINUTE
/** Changes follow one another: those of some seconds are one revision. */
const SETTLE = 5000
/** Smaller differences than this part of an offer are not worth a revision. */
const WORTH = 1 / 64
/** An ask without space is none: what is full says so with a single byte. */
const FULL = 1

/** Space that is offered with one of our asks. */
export interface Offered {
  id: Buffer
  order: Order
  /** The body with which it was placed. */
  offered: Buffer
}

export interface AskSpaceOptions {
  asks: () => Iterable<Offered>
  /** What is let of an ask, bytes. */
  letUnder: (ask: Buffer) => number
  revise: (ask: Buffer, body: Buffer) => Promise<void>
  log: Logger
  /** Monotonic, ms. */
  now?: () => number
}

/** Keeps the space of our asks on the book at what is left of it: it falls as leases begin, and rises as they end. */
export class AskSpace {
  readonly #options: AskSpaceOptions
  readonly #poller: Poller
  readonly #revisions: KeyedTokenBuckets

  constructor(options: AskSpaceOptions) {
    this.#options = options
    this.#revisions = new KeyedTokenBuckets(REVISIONS, MOST_ASKS, options.now)
    this.#poller = new Poller({
      look: () => this.look(),
      interval: LOOK_EVERY,
      settle: SETTLE,
      onerror: options.log.fault
    })
  }

  async ready(): Promise<void> {
    void this.#poller.start(SETTLE)
  }

  close(): Promise<void> {
    return this.#poller.close()
  }

  /** A lease has begun or ended. */
  soon(): void {
    this.#poller.poke()
  }

  async look(): Promise<void> {
    for (const { id, order, offered } of [...this.#options.asks()]) {
      const body = restOf({ id, order, offered }, this.#options.letUnder(id))
      if (body && this.#revisions.left(id) >= 1 && this.#revisions.charge(id))
        await this.#options.revise(id, body)
    }
  }
}

/** What is left of an ask, bytes. */
export function leftOf({ offered }: Pick<Offered, 'offered'>, letBytes: number): number {
  return Math.max(0, storage.ask.decode(offered).space - letBytes)
}

/** The body with which an ask should be on the book; null when the one that it has will do, or it is no ask of ours. */
function restOf({ id, order, offered }: Offered, letBytes: number): Buffer | null {
  if (order.side !== SIDE.ask || order.resource !== storage.id) return null
  const whole = storage.ask.decode(offered)
  const { space: told } = storage.ask.decode(order.body)
  const space = Math.max(FULL, leftOf({ offered }, letBytes))
  const isWorth = Math.abs(space - told) >= whole.space * WORTH || space === FULL || space === whole.space
  return space !== told && isWorth ? storage.ask.encode({ ...whole, space }) : null
}
