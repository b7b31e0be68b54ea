import { TokenBucket } from '../base/token-bucket.js'

/** A peer's budget of requests, one for each connection, however many channels are opened on it. */
export class RequestBudget extends TokenBucket {
  constructor(now?: () => number) {
    super({ burst: 400, perSecond: 40 }, now)
  }
}
