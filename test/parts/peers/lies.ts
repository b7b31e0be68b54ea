import type { Disposer } from '../../../src/base/scope.js'
import type { Handler } from '../../../src/deal/channel.js'
import type { Answer, Counterparty, DealChannel } from '../../../src/deal/channel.js'
import { Deals } from '../../../src/deal/deals.js'
import type { Method } from '../../../src/deal/methods.js'

type Truth<M extends Method> = () => Promise<Answer<M>>
type Lie<M extends Method> = (
  truth: Truth<M>,
  body: Parameters<Handler<M>>[0],
  from: Counterparty,
  channel: DealChannel
) => Promise<Answer<M>> | Answer<M>

/** The answers of a rogue in place of the product's, by method. */
export type Lies = { [M in Method]?: Lie<M> }

interface Registered {
  handler: Handler<Method>
  dispose: Disposer
}

// The product's own handlers, so that a lie can start from the true answer.
const truths = new WeakMap<Deals, Map<Method, Registered>>()
const handle = Reflect.get(Deals.prototype, 'handle') as Deals['handle']
Deals.prototype.handle = function (this: Deals, method, handler) {
  const dispose = handle.call(this, method, handler as never)
  const known = truths.get(this) ?? new Map<Method, Registered>()
  truths.set(this, known.set(method, { handler: handler as unknown as Handler<Method>, dispose }))
  return dispose
}

/** From now on these deals answer with lies. Must be called after the product has registered its handlers. */
export function answerWithLies(deals: Deals, lies: Lies): void {
  for (const [method, lie] of Object.entries(lies) as [Method, Lie<Method>][]) {
    const { handler: honest, dispose } = truths.get(deals)!.get(method)!
    dispose()
    handle.call(deals, method, (async (body, from, channel, id) =>
      lie(async () => honest(body, from, channel, id), body, from, channel)) as Handler<Method>)
  }
}

/** An answer that never comes. */
export function neverAnswer(): Promise<never> {
  return new Promise(() => undefined)
}

/** The same bytes with one bit flipped. */
export function flipped(bytes: Buffer): Buffer {
  const other = Buffer.from(bytes)
  other[0]! ^= 1
  return other
}

/** Codes of our own errors, which no peer may use. */
export const OWN_CODES = [
  'BAD_INPUT',
  'CLOSED',
  'DISK_FULL',
  'INTERNAL',
  'NO_BALANCE',
  'OVER_LIMIT',
  'STORE_FAILED',
  'WALLET_BUSY',
  'WALLET_CLOSED',
  'WALLET_CORRUPT',
  'WALLET_FAILED',
  'WALLET_GONE',
  'WALLET_SYNCING',
  'WALLET_TIMEOUT',
  'WALLET_UNREACHABLE',
  'WRONG_NETWORK',
  'WRONG_NODE'
]
