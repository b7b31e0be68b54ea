import { EventEmitter, once } from 'node:events'
import type { Reachability } from '../../src/network/reach/reachability.js'
import type { CallContext, Method, NodeCaller, Params, Result } from '../../src/node/api/api.js'

export interface Asked {
  method: Method
  params: object
  context: CallContext
}

/** A node that gives the answers of the test and records its calls. Event `asked` (Asked). */
export class FakeNode extends EventEmitter implements NodeCaller {
  readonly device = 'device-of-a-fake-node'
  reachability: Reachability = { reach: 'local', host: '127.0.0.1', port: 1, forwarders: 0 }
  readonly asked: Asked[] = []
  closed = false
  #answer: (asked: Asked) => unknown

  constructor(answer: (asked: Asked) => unknown = () => ({})) {
    super()
    this.#answer = answer
  }

  set answer(answer: (asked: Asked) => unknown) {
    this.#answer = answer
  }

  async call<M extends Method>(method: M, params: Params<M>, context: CallContext): Promise<Result<M>> {
    const asked = { method, params, context }
    this.asked.push(asked)
    this.emit('asked', asked)
    return (await this.#answer(asked)) as Result<M>
  }

  async nextCall(): Promise<Asked> {
    const [asked] = (await once(this, 'asked')) as [Asked]
    return asked
  }

  close(): Promise<void> {
    this.closed = true
    return Promise.resolve()
  }
}

/** An answer that never comes, and fails when the call is aborted. */
export function untilAborted({ context: { signal } }: Asked): Promise<never> {
  return new Promise((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  )
}

/** A context that collects progress. */
export function listening(
  signal: AbortSignal = new AbortController().signal
): CallContext & { heard: unknown[] } {
  const heard: unknown[] = []
  return { heard, onProgress: progress => heard.push(progress), signal }
}
