import ReadyResource from 'ready-resource'
import { Poller } from '../base/poller.js'
import type { Logger } from '../base/logger.js'

/** Several changes of the book within this time cause one look, ms. */
const SETTLE = 300

/** The resting bids of this node, looked at regularly and when the book changes. */
export abstract class RestingBids extends ReadyResource {
  protected readonly poller: Poller

  /** `tickEvery` is the time between two regular looks, ms. */
  constructor(log: Logger, tickEvery = 30_000) {
    super()
    this.poller = new Poller({
      look: () => this.lookNow(),
      interval: tickEvery,
      settle: SETTLE,
      onerror: log.fault
    })
  }

  /** Call when the book changes: looks after the changes settle. */
  soon(): void {
    this.poller.poke()
  }

  /** Looks for what can be done; calls during a look cause one more look. */
  look(): void {
    void this.poller.look()
  }

  protected abstract lookNow(): Promise<void>
}
