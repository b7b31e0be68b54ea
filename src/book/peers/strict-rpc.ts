import type { Duplex } from 'node:stream'
import ProtomuxRPC from 'protomux-rpc'
import type { RpcOptions } from 'protomux-rpc'
import { systemClock } from '../../base/clock.js'
import type { Clock } from '../../base/clock.js'
import { deadline } from '../../base/timeouts.js'

/**
 * Answers only registered methods. An unknown method name, which may be as long as a frame, emits `unknown`; protomux-rpc
 * would echo it, whether or not the peer reads answers. Time in which this machine slept does not count towards a
 * request's timeout.
 */
export class StrictRpc extends ProtomuxRPC {
  readonly #methods = new Set<string>()
  readonly #clock: Clock

  constructor(stream: Duplex, { clock = systemClock, ...options }: RpcOptions & { clock?: Clock } = {}) {
    super(stream, options)
    this.#clock = clock
  }

  override async request(
    method: string,
    value: Buffer | null,
    { timeout = 0 }: { timeout?: number } = {}
  ): Promise<Buffer | null> {
    const id = this._id // id of the next request
    const answer = super.request(method, value)
    if (timeout <= 0) return answer
    const cancel = deadline(timeout, () => this._ontimeout(id, timeout), this.#clock)
    return answer.finally(cancel)
  }

  override respond(method: string, handler: (value: Buffer | null) => Promise<Buffer | null>): this {
    this.#methods.add(method)
    return super.respond(method, handler)
  }

  override async _onrequest(request: { id: number; method: string; value: Buffer }): Promise<void> {
    if (!this.#methods.has(request.method)) {
      this.emit('unknown')
      return
    }
    // The value is a part of its frame, which would stay in memory as long as the request does.
    return super._onrequest({ ...request, value: request.value && Buffer.from(request.value) })
  }
}
