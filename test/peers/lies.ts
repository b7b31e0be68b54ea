import type { Disposer } from '../../src/base/scope.js'
import type { Handler } from '../../src/deal/channel.js'
import type { Answer, Counterparty, DealChannel } from '../../src/deal/channel.js'
import { Deals } from '../../src/deal/deals.js'
import type { Method } from '../../src/deal/methods.js'

type Truth<M extends Method> = () => Promise<Answer<M>>
type Lie<M extends Method> = (
  truth: Truth<M>,
  body: Parameters<Handler<M>>[0],
  from: Counterparty,
  channel: DealChannel
) => Promise<Answer<M>> | Answer<M>

/** What a rogue answers in the place of the product, by method. */
export type Lies = { [M in Method]?: Lie<M> }

interface Registered {
  handler: Handler<Method>
  dispose: Disposer
}

// The product's own handlers, so that a lie can begin with the truth.
const truths = new WeakMap<Deals, Map<Method, Registered>>()
const handle = Reflect.get(Deals.prototype, 'handle') as Deals['handle']
Deals.prototype.handle = function (this: Deals, method, handler) {
  const dispose = handle.call(this, method, handler as never)
  const known = truths.get(this) ?? new Map<Method, Registered>()
  truths.set(this, known.set(method, { handler: handler as unknown as Handler<Method>, dispose }))
  return dispose
}

/** From now on these deals answer with lies. To be called when the product has taken its places. */
export function deceive(deals: Deals, lies: Lies): void {
  for (const [method, lie] of Object.entries(lies) as [Method, Lie<Method>][]) {
    const { handler: honest, dispose } = truths.get(deals)!.get(method)!
    dispose()
    handle.call(deals, method, (async (body, from, channel, id) =>
      lie(async () => honest(body, from, channel, id), body, from, channel)) as Handler<Method>)
  }
}

/** No answer, ever. */
export function silence(): Promise<never> {
  return new Promise(() => undefined)
}

/** The same bytes with one bit turned. */
export function flipped(bytes: Buffer): Buffer {
  const other = Buffer.from(bytes)
  other[0]! ^= 1
  return other
}
