import { EventEmitter } from 'node:events'
import { beginWaitsAnew, systemClock } from '../../base/clock.js'
import { TokenBucket } from '../../base/token-bucket.js'

/** Lies about the address of this node must not make a wait endless: so many interruptions count at once, then a few an hour. */
const COUNTED = { burst: 6, perSecond: 6 / 3600 }

/**
 * What happens to the network of this node itself: it has another address, or answers come again after none came. Silence
 * until then says nothing about a peer, so each wait for one begins anew. Event: `interrupted`, also when it is not counted.
 */
export class Interruptions extends EventEmitter {
  readonly #beginAnew: () => void
  readonly #counted: TokenBucket
  #isOnline = true

  constructor(beginAnew = beginWaitsAnew, monotonic = (): number => systemClock.monotonic()) {
    super()
    this.#beginAnew = beginAnew
    this.#counted = new TokenBucket(COUNTED, monotonic)
  }

  /** Call with what is known whenever that may have changed. */
  online(isOnline: boolean): void {
    const isBack = isOnline && !this.#isOnline
    this.#isOnline = isOnline
    if (isBack) this.#interrupted()
  }

  /** Call when this node is seen at another address. */
  moved(): void {
    this.#interrupted()
  }

  #interrupted(): void {
    if (this.#counted.spend()) this.#beginAnew()
    this.emit('interrupted')
  }
}
